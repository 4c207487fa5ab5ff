"""Every error that sktart raises on its own account.

Each class also derives from the built-in exception that scikit-learn users expect in its place, so that
``except ValueError`` keeps working.
"""


class SktartError(Exception):
    """Base of all errors of this package."""


class CheckpointError(SktartError, ValueError):
    """A checkpoint folder is missing, incomplete, corrupt or of an unknown kind."""


class CheckpointIntegrityError(CheckpointError):
    """A file of a checkpoint is not the one that the registry or the Hub describes."""


class SavedModelError(SktartError, ValueError):
    """A saved model is damaged, of another version, holds what is not trusted, or cannot be saved as asked."""


class EncoderError(SktartError, ValueError):
    """An encoder is unknown, cannot be loaded, or returned something that is not a matrix of numbers."""


class MissingExtraError(SktartError, ImportError):
    """An optional dependency is needed; the message holds the pip line that installs it."""


class RecipeError(SktartError, ValueError):
    """A pretraining recipe is malformed, or does not fit the state it should resume."""
