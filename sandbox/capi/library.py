"""The wasmtime C library: found, checked, loaded, and its functions given types.

Everything is an address (``int``) here; ownership is the business of the classes on top. All calls keep the
GIL (``PyDLL``): they take well under a microsecond, or run a guest for one slice at most while the epoch
timer ticks outside Python. The ``wasmtime`` Python package is never imported (45 ms of CPU); only its
shared library is used, so the exact version is asserted.
"""

import ctypes
import platform
from importlib.util import find_spec
from pathlib import Path

from sandbox.errors import SettingsError

WASMTIME_VERSION = "50.0.1"
_MACHINES = {"x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def _library_path() -> Path:
    """Return the shared library of the pinned version. Raises SettingsError."""
    spec = find_spec("wasmtime")
    if spec is None or spec.origin is None:
        raise SettingsError(
            "the Python package wasmtime is not installed", remedy=f"Install wasmtime=={WASMTIME_VERSION}."
        )
    package = Path(spec.origin).parent
    if not (package.parent / f"wasmtime-{WASMTIME_VERSION}.dist-info").is_dir():
        found = ", ".join(sorted(path.stem for path in package.parent.glob("wasmtime-*.dist-info")))
        raise SettingsError(
            f"the sandbox is made for wasmtime {WASMTIME_VERSION}, but found {found or 'another'}",
            remedy=f"Install wasmtime=={WASMTIME_VERSION}.",
        )
    machine = _MACHINES.get(platform.machine())
    path = package / f"linux-{machine}" / "_libwasmtime.so"
    if not path.is_file():
        raise SettingsError(
            f"wasmtime {WASMTIME_VERSION} has no library for Linux on {platform.machine()}",
            remedy="Run EdgeFaaS on Linux, x86_64 or aarch64.",
        )
    return path


LIBRARY_PATH = _library_path()
_dll = ctypes.PyDLL(str(LIBRARY_PATH))

_ptr = ctypes.c_void_p
_size = ctypes.c_size_t
_bool = ctypes.c_bool
_u8 = ctypes.c_uint8
_i64 = ctypes.c_int64
_u64 = ctypes.c_uint64
_text = ctypes.c_char_p


def function(name: str, result: object, *parameters: object) -> "ctypes._FuncPointer":
    """Return one function of the library, typed."""
    found = _dll[name]
    found.restype = result  # type: ignore[assignment]  # ctypes types as values
    found.argtypes = parameters  # type: ignore[assignment]
    return found


# --- errors and traps
error_new = function("wasmtime_error_new", _ptr, _text)
error_delete = function("wasmtime_error_delete", None, _ptr)
error_message = function("wasmtime_error_message", None, _ptr, _ptr)
trap_new = function("wasmtime_trap_new", _ptr, _text, _size)
trap_delete = function("wasm_trap_delete", None, _ptr)
trap_message = function("wasm_trap_message", None, _ptr, _ptr)
trap_code = function("wasmtime_trap_code", _bool, _ptr, _ptr)
byte_vec_delete = function("wasm_byte_vec_delete", None, _ptr)

# --- configuration and engine
config_new = function("wasm_config_new", _ptr)
engine_new = function("wasm_engine_new_with_config", _ptr, _ptr)
engine_delete = function("wasm_engine_delete", None, _ptr)
engine_increment_epoch = function("wasmtime_engine_increment_epoch", None, _ptr)
pooling_new = function("wasmtime_pooling_allocation_config_new", _ptr)
pooling_delete = function("wasmtime_pooling_allocation_config_delete", None, _ptr)
pooling_apply = function("wasmtime_pooling_allocation_strategy_set", None, _ptr, _ptr)

# --- modules
wat2wasm = function("wasmtime_wat2wasm", _ptr, _text, _size, _ptr)
module_new = function("wasmtime_module_new", _ptr, _ptr, _text, _size, _ptr)
module_delete = function("wasmtime_module_delete", None, _ptr)
module_serialize = function("wasmtime_module_serialize", _ptr, _ptr, _ptr)
module_deserialize = function("wasmtime_module_deserialize", _ptr, _ptr, _text, _size, _ptr)
module_deserialize_file = function("wasmtime_module_deserialize_file", _ptr, _ptr, _text, _ptr)

# --- linking
linker_new = function("wasmtime_linker_new", _ptr, _ptr)
linker_delete = function("wasmtime_linker_delete", None, _ptr)
linker_instantiate_pre = function("wasmtime_linker_instantiate_pre", _ptr, _ptr, _ptr, _ptr)
instance_pre_delete = function("wasmtime_instance_pre_delete", None, _ptr)
functype_new = function("wasm_functype_new", _ptr, _ptr, _ptr)
functype_delete = function("wasm_functype_delete", None, _ptr)
valtype_new = function("wasm_valtype_new", _ptr, _u8)
valtype_vec_new = function("wasm_valtype_vec_new", None, _ptr, _size, _ptr)

SyncCallback = ctypes.CFUNCTYPE(_ptr, _ptr, _ptr, _ptr, _size)
AsyncCallback = ctypes.CFUNCTYPE(None, _ptr, _ptr, _ptr, _size, _ptr, _size, _ptr, _ptr)
ContinuationCallback = ctypes.CFUNCTYPE(_bool, _ptr)
linker_define_func = function(
    "wasmtime_linker_define_func_unchecked",
    _ptr,
    _ptr,
    _text,
    _size,
    _text,
    _size,
    _ptr,
    SyncCallback,
    _ptr,
    _ptr,
)
linker_define_async_func = function(
    "wasmtime_linker_define_async_func",
    _ptr,
    _ptr,
    _text,
    _size,
    _text,
    _size,
    _ptr,
    AsyncCallback,
    _ptr,
    _ptr,
)

# --- stores, instances, calls
store_new = function("wasmtime_store_new", _ptr, _ptr, _ptr, _ptr)
store_context = function("wasmtime_store_context", _ptr, _ptr)
store_delete = function("wasmtime_store_delete", None, _ptr)
store_limiter = function("wasmtime_store_limiter", None, _ptr, _i64, _i64, _i64, _i64, _i64)
set_epoch_deadline = function("wasmtime_context_set_epoch_deadline", None, _ptr, _u64)
epoch_yield = function("wasmtime_context_epoch_deadline_async_yield_and_update", _ptr, _ptr, _u64)
instance_pre_instantiate_async = function(
    "wasmtime_instance_pre_instantiate_async", _ptr, _ptr, _ptr, _ptr, _ptr, _ptr
)
instance_export_get = function("wasmtime_instance_export_get", _bool, _ptr, _ptr, _text, _size, _ptr)
func_call_async = function("wasmtime_func_call_async", _ptr, _ptr, _ptr, _ptr, _size, _ptr, _size, _ptr, _ptr)
future_poll = function("wasmtime_call_future_poll", _bool, _ptr)
future_delete = function("wasmtime_call_future_delete", None, _ptr)

caller_export_get = function("wasmtime_caller_export_get", _bool, _ptr, _text, _size, _ptr)
caller_context = function("wasmtime_caller_context", _ptr, _ptr)

# --- memories
memory_data = function("wasmtime_memory_data", _ptr, _ptr, _ptr)
memory_data_size = function("wasmtime_memory_data_size", _size, _ptr, _ptr)
memory_grow = function("wasmtime_memory_grow", _ptr, _ptr, _ptr, _u64, _ptr)

# --- components
ComponentCallback = ctypes.CFUNCTYPE(_size, _ptr, _ptr, _ptr, _ptr, _size, _ptr, _size)
ComponentAsyncCallback = ctypes.CFUNCTYPE(None, _ptr, _ptr, _ptr, _ptr, _size, _ptr, _size, _ptr, _ptr)
ResourceDestructor = ctypes.CFUNCTYPE(_size, _ptr, _ptr, ctypes.c_uint32)
byte_vec_new = function("wasm_byte_vec_new", None, _ptr, _size, _text)
component_new = function("wasmtime_component_new", _ptr, _ptr, _text, _size, _ptr)
component_delete = function("wasmtime_component_delete", None, _ptr)
component_serialize = function("wasmtime_component_serialize", _ptr, _ptr, _ptr)
component_deserialize_file = function("wasmtime_component_deserialize_file", _ptr, _ptr, _text, _ptr)
component_type = function("wasmtime_component_type", _ptr, _ptr)
component_type_delete = function("wasmtime_component_type_delete", None, _ptr)
component_type_import_count = function("wasmtime_component_type_import_count", _size, _ptr, _ptr)
component_type_import_nth = function(
    "wasmtime_component_type_import_nth", _bool, _ptr, _ptr, _size, _ptr, _ptr, _ptr
)
component_extern_delete = function("wasmtime_component_extern_delete", None, _ptr)
component_get_export_index = function("wasmtime_component_get_export_index", _ptr, _ptr, _ptr, _text, _size)
component_export_index_delete = function("wasmtime_component_export_index_delete", None, _ptr)
component_linker_new = function("wasmtime_component_linker_new", _ptr, _ptr)
component_linker_delete = function("wasmtime_component_linker_delete", None, _ptr)
component_linker_root = function("wasmtime_component_linker_root", _ptr, _ptr)
component_linker_define_unknown_imports_as_traps = function(
    "wasmtime_component_linker_define_unknown_imports_as_traps", _ptr, _ptr, _ptr
)
component_linker_instantiate_async = function(
    "wasmtime_component_linker_instantiate_async", _ptr, _ptr, _ptr, _ptr, _ptr, _ptr
)
_instance_name = (_ptr, _text, _size)
linker_instance_delete = function("wasmtime_component_linker_instance_delete", None, _ptr)
linker_instance_add_instance = function(
    "wasmtime_component_linker_instance_add_instance", _ptr, *_instance_name, _ptr
)
linker_instance_add_func = function(
    "wasmtime_component_linker_instance_add_func", _ptr, *_instance_name, ComponentCallback, _ptr, _ptr
)
linker_instance_add_func_async = function(
    "wasmtime_component_linker_instance_add_func_async",
    _ptr,
    *_instance_name,
    ComponentAsyncCallback,
    _ptr,
    _ptr,
)
linker_instance_add_resource = function(
    "wasmtime_component_linker_instance_add_resource",
    _ptr,
    *_instance_name,
    _ptr,
    ResourceDestructor,
    _ptr,
    _ptr,
)
component_instance_get_func = function("wasmtime_component_instance_get_func", _bool, _ptr, _ptr, _ptr, _ptr)
component_func_call_async = function(
    "wasmtime_component_func_call_async", _ptr, _ptr, _ptr, _ptr, _size, _ptr, _size, _ptr
)
component_val_new = function("wasmtime_component_val_new", _ptr, _ptr)
component_val_delete = function("wasmtime_component_val_delete", None, _ptr)
vallist_new_uninit = function("wasmtime_component_vallist_new_uninit", None, _ptr, _size)
valrecord_new_uninit = function("wasmtime_component_valrecord_new_uninit", None, _ptr, _size)
valtuple_new_uninit = function("wasmtime_component_valtuple_new_uninit", None, _ptr, _size)
resource_type_new_host = function("wasmtime_component_resource_type_new_host", _ptr, ctypes.c_uint32)
resource_type_delete = function("wasmtime_component_resource_type_delete", None, _ptr)
resource_host_new = function(
    "wasmtime_component_resource_host_new", _ptr, _bool, ctypes.c_uint32, ctypes.c_uint32
)
resource_host_rep = function("wasmtime_component_resource_host_rep", ctypes.c_uint32, _ptr)
resource_host_delete = function("wasmtime_component_resource_host_delete", None, _ptr)
resource_host_to_any = function("wasmtime_component_resource_host_to_any", _ptr, _ptr, _ptr, _ptr)
resource_any_to_host = function("wasmtime_component_resource_any_to_host", _ptr, _ptr, _ptr, _ptr)
