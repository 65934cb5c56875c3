"""The error of fetched files."""

from ddpm.errors import DDPMError


class ResourceError(DDPMError):
    """A file under resources/ is unknown, cannot be fetched, or has other content than it should."""
