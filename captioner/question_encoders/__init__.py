"""Question encoders: the words of a question, and what is seen, if they look, become vectors.

A new one is one class derived from `captioner.question_encoders.base:QuestionEncoder` and one line here.
"""

from captioner.registry import Registry

QUESTION_ENCODERS = Registry(
    "question encoder",
    {
        "recurrent": "captioner.question_encoders.recurrent:RecurrentQuestions",
        "vis_lstm": "captioner.question_encoders.vis_lstm:ImageAsWordQuestions",
        "convolutional": "captioner.question_encoders.convolutional:ConvolutionalQuestions",
        "attending": "captioner.question_encoders.attending:AttendingQuestions",
    },
)
