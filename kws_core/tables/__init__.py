"""The rows: tables, statuses and the transitions that are allowed.

Importing any of them makes all known to the metadata that the migrations compare with.
"""

from kws_core.tables import (
    act as act,
)
from kws_core.tables import (
    alert as alert,
)
from kws_core.tables import (
    copy as copy,
)
from kws_core.tables import (
    delivery as delivery,
)
from kws_core.tables import (
    event as event,
)
from kws_core.tables import (
    image_sync as image_sync,
)
from kws_core.tables import (
    job_run as job_run,
)
from kws_core.tables import (
    lease as lease,
)
from kws_core.tables import (
    network as network,
)
from kws_core.tables import (
    node as node,
)
from kws_core.tables import (
    orphan as orphan,
)
from kws_core.tables import (
    person as person,
)
from kws_core.tables import (
    rental as rental,
)
from kws_core.tables import (
    replica as replica,
)
from kws_core.tables import (
    saved_key as saved_key,
)
