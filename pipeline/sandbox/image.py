"""Builds the Docker image of the sandbox."""

from collections.abc import Sequence
from pathlib import Path

from docker.errors import APIError, BuildError, DockerException

from pairsmith.pipeline.sandbox.contract import SandboxError
from pairsmith.pipeline.sandbox.docker_engine import connect

DOCKERFILE = Path(__file__).with_name("Dockerfile")


def build_image(base_image: str, tag: str, packages: Sequence[str] = ()) -> str:
    """Build the image and return its digest.

    Args:
        base_image: image to start from, local or pulled by the engine now (never in a run).
        tag: name that the image gets.
        packages: Debian packages to install into it; the engine must have a network for that.

    Raises:
        SandboxError: if no engine answers or the build fails.
    """
    client = connect()
    try:
        with DOCKERFILE.open("rb") as file:
            arguments = {"BASE_IMAGE": base_image, "PACKAGES": " ".join(packages)}
            network = "default" if packages else "none"
            image, _ = client.images.build(
                fileobj=file, tag=tag, buildargs=arguments, rm=True, forcerm=True, network_mode=network
            )
        return str(image.id)
    except (BuildError, APIError, DockerException) as error:
        raise SandboxError(f"no image from {base_image!r}: {error}; name another with --base-image") from None
    finally:
        client.close()
