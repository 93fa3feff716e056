"""Makes the models of this folder with Keras, and what it computes by them.

    pip install keras scipy jax
    python tests/cases/keras/make.py

Keras 3 on NumPy, which needs neither TensorFlow nor a GPU. The files are kept, so that tests need none of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "numpy"

import keras
from keras import layers

FOLDER = Path(__file__).parent


@keras.saving.register_keras_serializable()
class DepthToSpace(layers.Layer):  # type: ignore[misc]
    """TensorFlow's depth_to_space, as networks bring it along."""

    def __init__(self, block_size: int) -> None:
        super().__init__()
        self.block_size = block_size

    def call(self, x: Any) -> Any:
        block, (batch, height, width, channels) = self.block_size, x.shape
        x = keras.ops.reshape(x, (batch, height, width, block, block, channels // block**2))
        x = keras.ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return keras.ops.reshape(x, (batch, height * block, width * block, channels // block**2))

    def compute_output_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return (shape[0], None, None, shape[3] // self.block_size**2)


def chain() -> keras.Model:
    """ArtCNN's C models with few filters."""
    picture = keras.Input((None, None, 1))
    first = x = layers.Conv2D(4, 3, padding="same")(picture)
    for _ in range(2):
        x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = layers.Add()([layers.Conv2D(4, 3, padding="same", name="mix")(x), first])
    return keras.Model(picture, DepthToSpace(2)(layers.Conv2D(4, 3, padding="same")(x)))


def sequence() -> keras.Model:
    """Layers in a row, three channels in and out, its size kept by padding and cropping."""
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Rescaling(2.0, offset=-1.0),
            layers.ZeroPadding2D(((2, 1), (1, 2))),
            layers.Conv2D(5, (3, 2), use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.1),
            layers.Conv2D(6, 3, padding="same", dilation_rate=2, groups=1, activation="tanh"),
            layers.PReLU(shared_axes=[1, 2]),
            layers.Dropout(0.5),
            layers.Conv2D(3, 1, activation=layers.ELU(alpha=0.5)),
            layers.ZeroPadding2D(2),
            layers.Cropping2D(((3, 2), (1, 2))),
        ]
    )


def branches() -> keras.Model:
    """Branches that meet again, a layer that is called twice, and sizes that change."""
    picture = keras.Input((None, None, 1))
    twice = layers.Conv2D(4, 3, padding="same", activation="silu", name="twice")
    first = layers.Conv2D(4, 3, padding="same", activation="sigmoid", name="conv2d_99")(picture)
    x = twice(twice(first))
    parts = [
        layers.Subtract()([x, first]),
        layers.Maximum()([x, first]),
        layers.Minimum()([x, first]),
        layers.Average()([x, first]),
        layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x),
        layers.SeparableConv2D(3, 3, padding="same", activation="relu6")(x),
    ]
    x = layers.Concatenate()(parts)
    x = layers.Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)])
    x = layers.Conv2D(4, 1)(x)
    small = layers.AveragePooling2D(3, strides=1, padding="valid")(x)
    x = layers.Cropping2D(1)(x) + 0.5 * small
    x = layers.ReLU(max_value=1.5)(x)
    up = layers.UpSampling2D(2, interpolation="bilinear")(x) + layers.UpSampling2D(2)(x)
    x = up + layers.Conv2DTranspose(4, 4, strides=2, padding="same")(x)
    return keras.Model(picture, layers.Conv2D(1, 3, padding="same")(x))


def main() -> None:
    random = np.random.default_rng(1)
    for build in (chain, sequence, branches):
        model = build()
        model.set_weights(
            [random.uniform(0.1, 0.4, w.shape) * random.choice([-1, 1], w.shape) for w in model.get_weights()]
        )
        for layer in model.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.set_weights([np.abs(w) for w in layer.get_weights()])
        picture = random.uniform(0, 1, (1, 12, 9, model.input_shape[3])).astype(np.float32)
        expected = np.asarray(model(picture))
        for suffix in (".keras", ".h5"):
            model.save(FOLDER / f"{build.__name__}{suffix}")
        np.savez(FOLDER / f"{build.__name__}.npz", picture=picture, expected=expected)


if __name__ == "__main__":
    main()
