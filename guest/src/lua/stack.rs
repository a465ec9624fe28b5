//! Lua's C API as methods of its stack: what every other file here is written in.
//!
//! The methods are safe to call with indices that are valid in the running C function; a wrong
//! one is a bug that Lua's own checks report in debug builds. What a comment here calls *raising*
//! leaves by `longjmp`: no value with a destructor may be alive in the caller then. All others
//! raise only for want of memory, and never while [`Context::relaxed`] is in force.
//!
//! [`Context::relaxed`]: super::context::Context::relaxed

use std::ffi::{CStr, c_int, c_void};

use mlua::ffi;

pub(crate) use mlua::ffi::lua_State;

/// A C function of Lua.
pub(crate) type Native = ffi::lua_CFunction;

/// The registry, where Lua keeps what scripts can't see.
pub(crate) const REGISTRY: c_int = ffi::LUA_REGISTRYINDEX;

/// The stack of a running function.
#[derive(Clone, Copy)]
pub(crate) struct Stack {
    pub(crate) state: *mut lua_State,
}

/// A Lua value, as far as it can be seen without reading what is inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    None,
    Nil,
    Boolean,
    LightUserdata,
    Number,
    String,
    Table,
    Function,
    Userdata,
    Thread,
}

impl Kind {
    /// A word with an article, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::None | Kind::Nil => "nil",
            Kind::Boolean => "a boolean",
            Kind::Number => "a number",
            Kind::String => "a string",
            Kind::Table => "a table",
            Kind::Function => "a function",
            Kind::Userdata | Kind::LightUserdata => "a userdata",
            Kind::Thread => "a coroutine",
        }
    }
}

/// Forwards to functions of Lua's C API, which all take the state first.
macro_rules! api {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $function:ident;)*) => {
        impl Stack {
            $(
                $(#[$doc])*
                #[inline]
                pub(crate) fn $name(self, $($argument: $type),*) $(-> $result)? {
                    // SAFETY: the state is running and the indices are valid, as the module says.
                    unsafe { ffi::$function(self.state, $($argument),*) }
                }
            )*
        }
    };
}

api! {
    top() -> c_int = lua_gettop;
    set_top(index: c_int) = lua_settop;
    pop(count: c_int) = lua_pop;
    absolute(index: c_int) -> c_int = lua_absindex;
    copy(index: c_int) = lua_pushvalue;
    insert(index: c_int) = lua_insert;
    remove(index: c_int) = lua_remove;
    replace(index: c_int) = lua_replace;
    push_nil() = lua_pushnil;
    push_integer(value: i64) = lua_pushinteger;
    push_number(value: f64) = lua_pushnumber;
    push_native(function: Native) = lua_pushcfunction;
    push_closure(function: Native, upvalues: c_int) = lua_pushcclosure;
    create_table(list: c_int, map: c_int) = lua_createtable;
    /// A length without metamethods.
    raw_length(index: c_int) -> usize = lua_rawlen;
    raw_get_integer(index: c_int, key: i64) -> c_int = lua_rawgeti;
    raw_set_integer(index: c_int, key: i64) = lua_rawseti;
    raw_get(index: c_int) -> c_int = lua_rawget;
    /// Raising for a key of nil or NaN.
    raw_set(index: c_int) = lua_rawset;
    raw_get_pointer(index: c_int, key: *const c_void) -> c_int = lua_rawgetp;
    raw_set_pointer(index: c_int, key: *const c_void) = lua_rawsetp;
    /// Raising, with metamethods; so are the next four.
    get_integer(index: c_int, key: i64) -> c_int = lua_geti;
    set_integer(index: c_int, key: i64) = lua_seti;
    get_table(index: c_int) -> c_int = lua_gettable;
    set_table(index: c_int) = lua_settable;
    length(index: c_int) -> i64 = luaL_len;
    concat(count: c_int) = lua_concat;
    set_metatable(index: c_int) -> c_int = lua_setmetatable;
    pointer(index: c_int) -> *const c_void = lua_topointer;
    native(index: c_int) -> Option<Native> = lua_tocfunction;
    to_thread(index: c_int) -> *mut lua_State = lua_tothread;
    upvalue_id(function: c_int, number: c_int) -> *mut c_void = lua_upvalueid;
    upvalue_join(function: c_int, number: c_int, other: c_int, other_number: c_int) = lua_upvaluejoin;
    /// Raising, always.
    error() -> ! = lua_error;
    /// Raising unless the argument has the type.
    check_integer(argument: c_int) -> i64 = luaL_checkinteger;
    check_any(argument: c_int) = luaL_checkany;
    call(arguments: c_int, results: c_int) = lua_call;
    protected_call(arguments: c_int, results: c_int, handler: c_int) -> c_int = lua_pcall;
}

impl Stack {
    /// The stack of a state that runs.
    pub(crate) fn of(state: *mut lua_State) -> Stack {
        Stack { state }
    }

    /// Makes room for so many values; false if Lua's stack can't grow that far.
    pub(crate) fn reserve(self, count: c_int) -> bool {
        // SAFETY: as the module says.
        unsafe { ffi::lua_checkstack(self.state, count) != 0 }
    }

    pub(crate) fn kind(self, index: c_int) -> Kind {
        // SAFETY: as the module says.
        match unsafe { ffi::lua_type(self.state, index) } {
            ffi::LUA_TNONE => Kind::None,
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Kind::LightUserdata,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TSTRING => Kind::String,
            ffi::LUA_TTABLE => Kind::Table,
            ffi::LUA_TFUNCTION => Kind::Function,
            ffi::LUA_TTHREAD => Kind::Thread,
            _ => Kind::Userdata,
        }
    }

    pub(crate) fn is_nil(self, index: c_int) -> bool {
        matches!(self.kind(index), Kind::Nil | Kind::None)
    }

    pub(crate) fn is_table(self, index: c_int) -> bool {
        self.kind(index) == Kind::Table
    }

    /// Whether the value is a function written in C.
    pub(crate) fn is_native(self, index: c_int) -> bool {
        // SAFETY: as the module says.
        unsafe { ffi::lua_iscfunction(self.state, index) != 0 }
    }

    /// Whether the value has an identity that tables can have as a key: a table or a function.
    pub(crate) fn is_reference(self, index: c_int) -> bool {
        matches!(self.kind(index), Kind::Table | Kind::Function)
    }

    pub(crate) fn to_bool(self, index: c_int) -> bool {
        // SAFETY: as the module says.
        unsafe { ffi::lua_toboolean(self.state, index) != 0 }
    }

    /// The integer, for a number that is stored as one.
    #[inline]
    pub(crate) fn to_integer(self, index: c_int) -> Option<i64> {
        // SAFETY: as the module says.
        unsafe {
            (ffi::lua_isinteger(self.state, index) != 0)
                .then(|| ffi::lua_tointegerx(self.state, index, std::ptr::null_mut()))
        }
    }

    /// The float, for any number.
    pub(crate) fn to_number(self, index: c_int) -> f64 {
        // SAFETY: as the module says.
        unsafe { ffi::lua_tonumberx(self.state, index, std::ptr::null_mut()) }
    }

    /// The bytes of a string; none for any other value, numbers included. They live as long as the string,
    /// which is at least as long as it stands on the stack: the caller holds them no longer.
    #[inline]
    pub(crate) fn to_bytes<'a>(self, index: c_int) -> Option<&'a [u8]> {
        if self.kind(index) != Kind::String {
            return None;
        }
        let mut length = 0;
        // SAFETY: the value is a string, so nothing is converted in place.
        unsafe {
            let start = ffi::lua_tolstring(self.state, index, &raw mut length);
            Some(std::slice::from_raw_parts(start.cast(), length))
        }
    }

    /// A number as Lua writes it. Rust's own way to write floats would be twenty kilobytes of the component.
    pub(crate) fn number_text(self, index: c_int) -> String {
        self.copy(index);
        let mut length = 0;
        // SAFETY: as the module says; the copy is converted in place.
        let text = unsafe {
            let start = ffi::lua_tolstring(self.state, -1, &raw mut length);
            std::slice::from_raw_parts(start.cast::<u8>(), length)
        };
        let text = String::from_utf8_lossy(text).into_owned();
        self.pop(1);
        text
    }

    /// Pushes the number that a text is for Lua; 0 if it is none.
    pub(crate) fn push_number_of(self, text: &str) {
        let text = std::ffi::CString::new(text).unwrap_or_default();
        // SAFETY: as the module says; the text ends with a zero byte.
        let size = unsafe { ffi::lua_stringtonumber(self.state, text.as_ptr()) };
        if size == 0 {
            self.push_integer(0);
        }
    }

    pub(crate) fn push_bool(self, value: bool) {
        // SAFETY: as the module says.
        unsafe { ffi::lua_pushboolean(self.state, c_int::from(value)) }
    }

    #[inline]
    pub(crate) fn push_bytes(self, bytes: &[u8]) {
        // SAFETY: as the module says; Lua copies the bytes.
        unsafe {
            ffi::lua_pushlstring(self.state, bytes.as_ptr().cast(), bytes.len());
        }
    }

    /// Pushes a userdata that holds the bytes; Lua frees it, and there is nothing to finalize.
    pub(crate) fn push_block(self, bytes: &[u8]) {
        // SAFETY: as the module says; the new block has room for the bytes.
        unsafe {
            let block = ffi::lua_newuserdatauv(self.state, bytes.len(), 0);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), block.cast(), bytes.len());
        }
    }

    /// What [`Stack::push_block`] put into a userdata. The bytes live as long as it does: the caller holds them
    /// no longer.
    pub(crate) fn block<'a>(self, index: c_int) -> &'a [u8] {
        // SAFETY: as the module says; the block was filled when it was made, and never changes.
        unsafe {
            let block = ffi::lua_touserdata(self.state, index);
            std::slice::from_raw_parts(block.cast(), self.raw_length(index))
        }
    }

    /// Pushes the metatable and says true, or pushes nothing.
    pub(crate) fn push_metatable(self, index: c_int) -> bool {
        // SAFETY: as the module says.
        unsafe { ffi::lua_getmetatable(self.state, index) != 0 }
    }

    /// The identity of the metatable; null if there is none.
    #[inline]
    pub(crate) fn metatable(self, index: c_int) -> *const c_void {
        if !self.push_metatable(index) {
            return std::ptr::null();
        }
        let identity = self.pointer(-1);
        self.pop(1);
        identity
    }

    /// Replaces the key on the top by the next key and value, or pops it and says false. Raising for a
    /// key that the table does not have.
    #[inline]
    pub(crate) fn next(self, index: c_int) -> bool {
        // SAFETY: as the module says.
        unsafe { ffi::lua_next(self.state, index) != 0 }
    }

    pub(crate) fn raw_equal(self, left: c_int, right: c_int) -> bool {
        // SAFETY: as the module says.
        unsafe { ffi::lua_rawequal(self.state, left, right) != 0 }
    }

    /// Pushes a field of a table without metamethods.
    pub(crate) fn raw_get_field(self, index: c_int, name: &str) {
        let index = self.absolute(index);
        self.push_bytes(name.as_bytes());
        self.raw_get(index);
    }

    /// Pops a value and sets it as a field, without metamethods.
    pub(crate) fn raw_set_field(self, index: c_int, name: &str) {
        let index = self.absolute(index);
        self.push_bytes(name.as_bytes());
        self.insert(-2);
        self.raw_set(index);
    }

    /// Sets a C function as a field.
    pub(crate) fn set_native(self, index: c_int, name: &str, function: Native) {
        let index = self.absolute(index);
        self.push_native(function);
        self.raw_set_field(index, name);
    }

    /// Pushes a metamethod or other field of the metatable and says true, or pushes nothing.
    pub(crate) fn push_metafield(self, index: c_int, name: &CStr) -> bool {
        // SAFETY: as the module says.
        unsafe { ffi::luaL_getmetafield(self.state, index, name.as_ptr()) != ffi::LUA_TNIL }
    }

    /// Raising: an error with a message that names the place in the script.
    pub(crate) fn raise(self, message: &CStr) -> ! {
        // SAFETY: as the module says.
        unsafe {
            ffi::luaL_where(self.state, 1);
            ffi::lua_pushstring(self.state, message.as_ptr());
        }
        self.concat(2);
        self.error()
    }

    /// Raising unless the argument is of a kind.
    pub(crate) fn check_table(self, argument: c_int) {
        // SAFETY: as the module says.
        unsafe { ffi::luaL_checktype(self.state, argument, ffi::LUA_TTABLE) }
    }

    /// Compiles a text; the function, or a message, is pushed. Nothing but text is taken.
    pub(crate) fn load_text(self, source: &[u8], chunk_name: &CStr) -> c_int {
        self.load(source, chunk_name, c"t")
    }

    /// Takes what [`Stack::dump`] gave, and nothing that comes from elsewhere: Lua trusts it.
    pub(crate) fn load_binary(self, chunk: &[u8], chunk_name: &CStr) -> c_int {
        self.load(chunk, chunk_name, c"b")
    }

    fn load(self, chunk: &[u8], chunk_name: &CStr, mode: &CStr) -> c_int {
        // SAFETY: as the module says; Lua copies what it needs.
        unsafe {
            ffi::luaL_loadbufferx(
                self.state,
                chunk.as_ptr().cast(),
                chunk.len(),
                chunk_name.as_ptr(),
                mode.as_ptr(),
            )
        }
    }

    /// The binary form of the Lua function on the top, with what debugging needs.
    pub(crate) fn dump(self) -> Vec<u8> {
        unsafe extern "C-unwind" fn append(
            _: *mut lua_State,
            bytes: *const c_void,
            length: usize,
            out: *mut c_void,
        ) -> c_int {
            // SAFETY: `dump` below passes the vector, and Lua the bytes.
            unsafe {
                let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), length);
                (*out.cast::<Vec<u8>>()).extend_from_slice(bytes);
            }
            0
        }
        let mut out = Vec::new();
        // SAFETY: the vector outlives the call.
        unsafe { ffi::lua_dump(self.state, append, (&raw mut out).cast(), 0) };
        out
    }

    /// Pushes an upvalue and gives its name, or pushes nothing.
    pub(crate) fn push_upvalue<'a>(self, function: c_int, number: c_int) -> Option<&'a CStr> {
        // SAFETY: as the module says; the name lives as long as the function.
        unsafe {
            let name = ffi::lua_getupvalue(self.state, function, number);
            (!name.is_null()).then(|| CStr::from_ptr(name))
        }
    }

    /// Pops a value and sets it as an upvalue.
    pub(crate) fn set_upvalue(self, function: c_int, number: c_int) {
        // SAFETY: as the module says.
        unsafe {
            if ffi::lua_setupvalue(self.state, function, number).is_null() {
                self.pop(1);
            }
        }
    }

    /// Pushes the stack of calls as text.
    pub(crate) fn push_traceback(self, level: c_int) {
        // SAFETY: as the module says.
        unsafe { ffi::luaL_traceback(self.state, self.state, std::ptr::null(), level) }
    }

    /// Pushes where the script is, as `eval:1: `, or an empty text.
    pub(crate) fn push_where(self, level: c_int) {
        // SAFETY: as the module says.
        unsafe { ffi::luaL_where(self.state, level) }
    }
}
