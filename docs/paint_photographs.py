"""Paints six pictures in the manner of photographs, and lets a model write about them: README.md's first picture.

    python -m docs.paint_photographs                        the pictures, in docs/images/painted
    python -m docs.paint_photographs --model photos          and the sheet with its captions

Flickr's photographs may not be given on; these are nobody's. Ground, water and snow are noise of several scales,
animals and people a few strokes with light and shadow. The same seed paints the same.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

IMAGES = Path(__file__).with_name("images")
WIDTH, HEIGHT = 800, 600  # painted twice as large as kept, so that edges are soft
SKIN, DARK = (205, 150, 120), (40, 32, 30)


def noise(random, scales: tuple[int, ...], stretch: float = 1.0) -> np.ndarray:
    """Clouds in [0, 1], `(HEIGHT, WIDTH)`: noise of several scales on top of each other, stretched upwards."""
    clouds = np.zeros((HEIGHT, WIDTH))
    for scale in scales:
        size = max(2, WIDTH // scale), max(2, int(HEIGHT / (scale * stretch)))
        coarse = Image.fromarray(random.random(size[::-1]).astype("float32"))
        clouds += np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)) * scale**0.5
    return (clouds - clouds.min()) / np.ptp(clouds)


def blend(first, second, share: np.ndarray) -> np.ndarray:
    """Colours `(HEIGHT, WIDTH, 3)` between two, by a share of the second for each pixel."""
    return np.asarray(first) * (1 - share[..., None]) + np.asarray(second) * share[..., None]


def rows() -> np.ndarray:
    """Height of each pixel, 0 at the top and 1 at the bottom."""
    return np.repeat(np.linspace(0, 1, HEIGHT)[:, None], WIDTH, axis=1)


class Canvas:
    """A picture that is painted in layers: strokes are lit from above and throw a shadow."""

    def __init__(self, background: np.ndarray, random):
        self.image = Image.fromarray(np.clip(background, 0, 255).astype("uint8"))
        self.random = random

    def paint(self, strokes: Callable, colour, softness: float = 1.5, grain: float = 0.25, light: float = 0.35) -> None:
        """Fills what `strokes(draw)` draws, with grain like fur or cloth, darker towards its lower edge."""
        mask = Image.new("L", (WIDTH, HEIGHT))
        strokes(ImageDraw.Draw(mask))
        soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(softness)), "float32") / 255
        depth = np.asarray(mask.filter(ImageFilter.GaussianBlur(14)), "float32") / 255
        above = np.roll(depth, 12, axis=0)
        shade = 1 - light * (1 - above) + grain * (noise(self.random, (4, 9, 30)) - 0.5)
        below = np.asarray(self.image, "float32")
        painted = np.asarray(colour, "float32") * shade[..., None]
        self.image = Image.fromarray(np.clip(below + (painted - below) * soft[..., None], 0, 255).astype("uint8"))

    def shadow(self, box, strength: float = 0.45) -> None:
        """A dark, soft ellipse on the ground."""
        mask = Image.new("L", (WIDTH, HEIGHT))
        ImageDraw.Draw(mask).ellipse(box, fill=255)
        dark = np.asarray(mask.filter(ImageFilter.GaussianBlur(12)), "float32")[..., None] / 255
        self.image = Image.fromarray((np.asarray(self.image) * (1 - strength * dark)).astype("uint8"))

    def limb(self, points, width: float, colour, **how) -> None:
        """A thick stroke with round joints."""

        def strokes(draw):
            draw.line(points, fill=255, width=int(width), joint="curve")
            for x, y in points:
                draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)

        self.paint(strokes, colour, **how)

    def ellipse(self, x, y, across, down, colour, **how) -> None:
        self.paint(lambda draw: draw.ellipse((x - across, y - down, x + across, y + down), fill=255), colour, **how)

    def polygon(self, points, colour, **how) -> None:
        self.paint(lambda draw: draw.polygon(points, fill=255), colour, **how)

    def finished(self) -> Image.Image:
        """Half the size, with the grain of a film."""
        soft = self.image.filter(ImageFilter.GaussianBlur(0.8))
        small = soft.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.LANCZOS)
        grain = self.random.normal(0, 5, (HEIGHT // 2, WIDTH // 2, 1))
        return Image.fromarray(np.clip(np.asarray(small) + grain, 0, 255).astype("uint8"))


def person(canvas: Canvas, x, y, size, shirt, trousers, legs, arms):
    """A person whose hips are at (x, y); ends of legs and arms are told in heights from hips and shoulders."""
    at = _scaled(x, y, size)
    for dx, dy in legs:
        canvas.limb([at(0.04 * np.sign(dx), 0), at(dx * 0.7, dy * 0.5), at(dx, dy)], 0.11 * size, trousers)
        canvas.limb([at(dx, dy + 0.02), at(dx + 0.06, dy + 0.02)], 0.07 * size, DARK)
    canvas.limb([at(0, -0.02), at(0, -0.3)], 0.22 * size, shirt)
    for dx, dy in arms:
        shoulder, elbow, hand = at(0.1 * np.sign(dx), -0.33), at(dx * 0.7, -0.33 + dy * 0.5), at(dx, -0.33 + dy)
        canvas.limb([shoulder, elbow], 0.085 * size, shirt)
        canvas.limb([elbow, hand], 0.06 * size, SKIN)
    canvas.limb([at(0, -0.4), at(0, -0.44)], 0.08 * size, SKIN)
    canvas.ellipse(*at(0, -0.53), 0.075 * size, 0.095 * size, SKIN)
    canvas.paint(lambda draw: draw.pieslice((*at(-0.085, -0.65), *at(0.085, -0.46)), 180, 360, fill=255), DARK)


def dog(canvas: Canvas, x, y, size, colour, belly):
    """A dog that runs to the right; its chest is at (x, y)."""
    at = _scaled(x, y, size)
    far = tuple(int(0.7 * value) for value in colour)
    for points in (((0.02, 0.1), (0.2, 0.28), (0.34, 0.34)), ((-0.6, 0.08), (-0.72, 0.26), (-0.9, 0.36))):
        canvas.limb([at(*point) for point in points], 0.09 * size, far)
    canvas.limb([at(-0.66, -0.02), at(-0.85, -0.14), at(-1.0, -0.3)], 0.07 * size, colour, grain=0.5)
    canvas.limb([at(-0.58, 0.0), at(-0.3, -0.02), at(0, 0.0)], 0.3 * size, colour, grain=0.5)
    canvas.ellipse(*at(-0.28, 0.1), 0.26 * size, 0.06 * size, belly, softness=8)
    for points in (((0.05, 0.08), (0.12, 0.3), (0.26, 0.44)), ((-0.56, 0.08), (-0.52, 0.28), (-0.68, 0.44))):
        canvas.limb([at(*point) for point in points], 0.1 * size, colour, grain=0.4)
    canvas.limb([at(0.02, -0.06), at(0.18, -0.24)], 0.2 * size, colour, grain=0.5)
    canvas.ellipse(*at(0.24, -0.3), 0.14 * size, 0.12 * size, colour, grain=0.5)
    canvas.limb([at(0.32, -0.26), at(0.44, -0.22)], 0.1 * size, belly)
    canvas.ellipse(*at(0.48, -0.24), 0.03 * size, 0.026 * size, DARK, light=0)
    canvas.ellipse(*at(0.27, -0.34), 0.02 * size, 0.02 * size, DARK, light=0)
    canvas.limb([at(0.16, -0.38), at(0.08, -0.24)], 0.09 * size, far, grain=0.5)
    canvas.limb([at(0.42, -0.18), at(0.43, -0.12)], 0.04 * size, (200, 90, 100))


def _scaled(x, y, size):
    return lambda dx, dy: (x + dx * size, y + dy * size)


def grass(random, light=(140, 170, 70), dark=(50, 95, 30)) -> np.ndarray:
    blades = 0.6 * noise(random, (3, 6), stretch=5) + 0.4 * noise(random, (60, 120))
    return blend(dark, light, blades) * (0.75 + 0.35 * rows()[..., None])


def trees(random, ground: np.ndarray, horizon: float) -> np.ndarray:
    leaves = blend((18, 40, 18), (90, 120, 60), noise(random, (6, 14, 40)) ** 1.5)
    edge = np.clip((rows() - horizon + 0.04 * (noise(random, (30, 80)) - 0.5)) * 40, 0, 1)
    return blend(leaves, ground, edge)


def dog_in_the_grass(random) -> Image.Image:
    canvas = Canvas(trees(random, grass(random), 0.22), random)
    canvas.shadow((230, 460, 660, 520))
    dog(canvas, 480, 300, 330, (165, 110, 60), (225, 195, 155))
    for _ in range(260):  # blades before its paws
        x, y = random.integers(0, WIDTH), random.integers(430, HEIGHT)
        blade = [(x, y), (x + random.integers(-8, 9), y - random.integers(14, 42))]
        ImageDraw.Draw(canvas.image).line(blade, fill=(70 + int(random.integers(60)), 130, 45), width=3)
    return canvas.finished()


def surfer_on_a_wave(random) -> Image.Image:
    height, across = rows(), np.repeat(np.linspace(0, 1, WIDTH)[None], HEIGHT, axis=0)
    water = blend((20, 70, 105), (70, 150, 165), noise(random, (5, 16, 60), stretch=0.35))
    crest = 0.28 + 0.16 * (across - 0.25) ** 2 + 0.05 * noise(random, (40, 90))
    foam = np.clip(1 - np.abs(height - crest) * 14, 0, 1) * noise(random, (4, 10, 24))
    splash = np.clip(1 - ((across - 0.18) ** 2 * 12 + (height - 0.55) ** 2 * 14), 0, 1) * noise(random, (4, 9, 30))
    wave = blend(water, (250, 252, 255), np.clip(2.2 * foam + 2.4 * splash, 0, 1))
    canvas = Canvas(blend((175, 205, 225), wave, np.clip((height - crest + 0.05) * 30, 0, 1)), random)
    canvas.polygon([(330, 452), (620, 418), (655, 424), (600, 452), (380, 474)], (235, 235, 225))
    black = (30, 32, 40)
    person(canvas, 470, 335, 270, black, black, ((-0.22, 0.36), (0.2, 0.32)), ((-0.4, 0.1), (0.42, 0.02)))
    drops = [
        (x, 440 + y, x + 26, 456 + y)
        for x, y in zip(*random.integers(((150,), (0,)), ((420,), (60,)), (2, 60)), strict=True)
    ]
    canvas.paint(lambda draw: [draw.ellipse(drop, fill=255) for drop in drops], (248, 250, 255), softness=4)
    return canvas.finished()


def skier_in_the_snow(random) -> Image.Image:
    height = rows()
    snow = blend((205, 215, 232), (252, 253, 255), noise(random, (8, 40, 120), stretch=0.5))
    sky = blend((70, 120, 190), (170, 205, 235), height)
    ridge = 0.2 + 0.22 * noise(random, (60, 200))[HEIGHT // 2][None].repeat(HEIGHT, 0)
    rocks = blend((235, 240, 248), (95, 100, 115), noise(random, (8, 25, 60)) ** 2)
    far = blend(sky, rocks, np.clip((height - ridge) * 60, 0, 1))
    slope = 0.42 + 0.14 * np.repeat(np.linspace(0, 1, WIDTH)[None], HEIGHT, axis=0)
    canvas = Canvas(blend(far, snow, np.clip((height - slope) * 50, 0, 1)), random)
    canvas.shadow((300, 485, 560, 520), 0.25)
    for dy in (0, 16):
        canvas.limb([(270, 470 + dy), (560, 508 + dy)], 8, (30, 60, 130))
    legs, arms = ((-0.12, 0.38), (0.14, 0.42)), ((-0.28, 0.2), (0.3, 0.16))
    person(canvas, 410, 365, 270, (200, 35, 35), (35, 40, 70), legs, arms)
    for x, foot in ((336, 300), (492, 560)):
        canvas.limb([(x, 330), (foot, 505)], 5, (60, 60, 60))
    return canvas.finished()


def footballers(random) -> Image.Image:
    canvas = Canvas(trees(random, grass(random, (120, 175, 70), (70, 125, 45)), 0.24), random)
    canvas.limb([(0, 420), (WIDTH, 400)], 7, (235, 240, 230), light=0)
    for x, shirt, shorts, legs in (
        (270, (205, 30, 35), (240, 240, 240), ((-0.24, 0.36), (0.16, 0.45))),
        (520, (240, 240, 245), (35, 45, 120), ((-0.1, 0.45), (0.26, 0.38))),
    ):
        canvas.shadow((x - 90, 455, x + 110, 500))
        person(canvas, x, 330, 310, shirt, shorts, legs, ((-0.26, 0.16), (0.28, 0.1)))
        for dx, dy in legs:
            canvas.limb([(x + dx * 230, 330 + dy * 170), (x + dx * 310, 330 + dy * 310)], 24, SKIN)
    canvas.shadow((385, 490, 455, 512))
    canvas.ellipse(415, 472, 28, 28, (245, 245, 245))
    for dx, dy in ((0, -8), (-15, 8), (14, 10)):
        canvas.ellipse(415 + dx, 472 + dy, 6, 6, DARK, light=0)
    return canvas.finished()


def walker_on_the_beach(random) -> Image.Image:
    height = rows()
    sky = blend((120, 170, 220), (250, 225, 190), np.clip(height * 2.4, 0, 1))
    sea = blend((30, 85, 120), (120, 175, 190), noise(random, (5, 18, 70), stretch=0.25))
    sand = blend((190, 160, 115), (225, 200, 155), noise(random, (2, 5, 50, 120)))
    shore = 0.62 + 0.03 * noise(random, (90, 200))
    picture = blend(blend(sky, sea, np.clip((height - 0.38) * 200, 0, 1)), sand, np.clip((height - shore) * 60, 0, 1))
    surf = np.clip(1 - np.abs(height - shore) * 45, 0, 1) * noise(random, (5, 14, 40))
    canvas = Canvas(blend(picture, (250, 250, 250), np.clip(2.5 * surf, 0, 1)), random)
    canvas.shadow((330, 515, 560, 545))
    legs, arms = ((-0.14, 0.45), (0.16, 0.44)), ((-0.16, 0.3), (0.18, 0.3))
    person(canvas, 430, 385, 300, (60, 120, 190), (190, 180, 150), legs, arms)
    return canvas.finished()


def cyclist(random) -> Image.Image:
    dirt = blend((120, 90, 60), (180, 145, 105), noise(random, (3, 8, 40, 90)))
    canvas = Canvas(trees(random, dirt, 0.42), random)
    canvas.shadow((190, 490, 640, 535))
    for x in (270, 550):
        tyre = (x - 88, 342, x + 88, 518)
        canvas.paint(lambda draw, tyre=tyre: draw.ellipse(tyre, outline=255, width=13), (25, 25, 28), light=0.1)
        for turn in np.linspace(0, np.pi, 9)[:-1]:
            dx, dy = 80 * np.cos(turn), 80 * np.sin(turn)
            canvas.limb([(x - dx, 430 - dy), (x + dx, 430 + dy)], 2, (150, 150, 155), light=0)
    frame = [(270, 430), (345, 335), (500, 335), (405, 440), (345, 335)]
    canvas.limb(frame, 11, (200, 40, 40))
    canvas.limb([(270, 430), (405, 440)], 10, (200, 40, 40))
    canvas.limb([(550, 430), (495, 320), (525, 290)], 11, (60, 60, 65))
    canvas.limb([(345, 335), (335, 310)], 12, DARK)
    canvas.limb([(345, 300), (425, 360), (400, 452)], 34, (40, 45, 90))
    canvas.limb([(345, 300), (390, 250), (420, 175)], 62, (235, 200, 40))
    canvas.limb([(420, 180), (470, 250), (525, 288)], 26, (235, 200, 40))
    canvas.ellipse(445, 125, 30, 36, SKIN)
    canvas.paint(lambda draw: draw.pieslice((405, 75, 487, 160), 170, 350, fill=255), (200, 30, 30))
    return canvas.finished()


PICTURES = (dog_in_the_grass, surfer_on_a_wave, skier_in_the_snow, footballers, walker_on_the_beach, cyclist)


def main(argv: list[str] | None = None) -> None:
    """Writes the pictures, and `photographs.jpg` where a model is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a model of photographs, such as photos")
    parser.add_argument("--encoder-weights", type=Path, help="file with the frozen network's weights")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the sheet")
    options = parser.parse_args(argv)
    folder = options.out / "painted"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for seed, paint in enumerate(PICTURES):
        files.append(folder / f"{paint.__name__}.jpg")
        paint(np.random.default_rng(seed)).save(files[-1], quality=88)
    if options.model:
        from docs.draw_images import caption_sheet

        captions = _captions_of(options.model, files, options.encoder_weights)
        sheet = caption_sheet([Image.open(file) for file in files], captions, columns=3, height=5.2, wrap=42)
        sheet.save(options.out / "photographs.jpg", quality=88)
        for file, caption in zip(files, captions, strict=True):
            print(f"{file.name}: {caption}")


def _captions_of(model: str, files, encoder_weights) -> list[str]:
    from captioner import ImageCaptioner
    from captioner.presets.installed import model_folder

    captioner = ImageCaptioner.from_preset(model_folder(model), encoder_weights)
    return [found[0].text for found in captioner.caption(files)]


if __name__ == "__main__":
    main()
