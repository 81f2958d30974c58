from .errors import AccessDenied as AccessDenied
from .errors import AlreadyExists as AlreadyExists
from .errors import BkpError as BkpError
from .errors import Inauthentic as Inauthentic
from .errors import IntegrityError as IntegrityError
from .errors import Interrupted as Interrupted
from .errors import Locked as Locked
from .errors import Malformed as Malformed
from .errors import Missing as Missing
from .errors import NoRepository as NoRepository
from .errors import NotFound as NotFound
from .errors import OutOfReach as OutOfReach
from .errors import RepositoryError as RepositoryError
from .errors import SourceError as SourceError
from .errors import StoreError as StoreError
from .errors import StoreFull as StoreFull
from .errors import Truncated as Truncated
from .errors import Unavailable as Unavailable
from .errors import UnsupportedFormat as UnsupportedFormat
from .errors import UsageError as UsageError
from .errors import WrongPassword as WrongPassword
from .library import check as check
from .library import diff as diff
from .library import init_repository as init_repository
from .library import open_repository as open_repository
from .library import read as read
from .library import restore as restore
from .library import snapshot as snapshot
from .library import walk as walk

__version__: str
__all__: list[str]
