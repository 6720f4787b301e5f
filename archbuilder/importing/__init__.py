"""Networks in: a torch module that somebody wrote becomes a spec."""

from archbuilder.importing.factory import made_module
from archbuilder.importing.faults import ModuleError
from archbuilder.importing.importer import Imported, from_module, import_module
from archbuilder.importing.verify import TOLERANCE, Comparison

__all__ = ["TOLERANCE", "Comparison", "Imported", "ModuleError", "from_module", "import_module", "made_module"]
