"""What `import captioner` gives, for type checkers; at run time the names are resolved when they are used."""

from captioner.errors import UserError as UserError
from captioner.metrics.score import score_captions as score_captions
from captioner.models.captioning.captions import Caption as Caption
from captioner.models.captioning.ensemble import Ensemble as Ensemble
from captioner.models.captioning.image_captioner import ImageCaptioner as ImageCaptioner
from captioner.models.language.language_model import LanguageModel as LanguageModel
from captioner.models.sequences.labels import ManyToManyInStep as ManyToManyInStep
from captioner.models.sequences.labels import ManyToOne as ManyToOne
from captioner.models.sequences.labels import OneToOne as OneToOne
from captioner.models.sequences.model import SequenceModel as SequenceModel
from captioner.models.sequences.writers import EncoderDecoder as EncoderDecoder
from captioner.models.sequences.writers import OneToMany as OneToMany
from captioner.models.vqa.answers import Answer as Answer
from captioner.models.vqa.visual_qa import VisualQA as VisualQA
from captioner.registry import Registry as Registry
from captioner.settings import GenerationConfig as GenerationConfig
from captioner.text.vocabulary import Vocabulary as Vocabulary

__version__: str
