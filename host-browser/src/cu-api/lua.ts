/** The Lua code that makes a script find what it found in the module `cu` 2.1. */

/**
 * Makes the globals that scripts of the older module count on. `_io` stays from call to call, as it did, whatever becomes of
 * a call.
 */
export const PRELUDE = `
_io = {}
ext = {table = function() return {} end}
`;

/** A value with functions in tables, which a host can't be given, shown by a text, as the older module did. */
const PLAIN = `
local function plain(value, above)
  if type(value) == "function" or type(value) == "thread" then return "<" .. type(value) .. ">" end
  if type(value) ~= "table" then return value end
  if above[value] then return "<table>" end
  above[value] = true
  local copy
  for key, member in pairs(value) do
    local shown = plain(member, above)
    if not copy and not rawequal(shown, member) then
      copy = {}
      for key, member in pairs(value) do copy[key] = member end
    end
    if copy then copy[key] = shown end
  end
  above[value] = nil
  return copy or value
end
`;

/** Runs a script, and gives its first result, with what Lua says that it is. */
export const COMPUTE = `${PLAIN}
local chunk, message = load(...)
if not chunk then error(message, 0) end
local result = chunk()
local kind = math.type(result) or type(result)
if kind == "function" or kind == "thread" then return nil, "function" end
return plain(result, {}), kind
`;

/** Gives a member of `_io`, or sets it: the arguments are its name and the value. */
export const GET_IO = `${PLAIN}
local name = ...
return plain(_io[name], {})
`;
export const SET_IO = `
local name, value = ...
_io[name] = value
`;
export const CLEAR_IO = '_io = {}';

/** The keys of a table, as texts. */
export const KEYS = `
local name = ...
local from = _home
if name == "_io" then from = _io elseif name ~= "_home" then from = _home[name] end
local keys = list{}
for key in pairs(from) do keys[#keys + 1] = tostring(key) end
return keys
`;

export const SHOW_MEMORY = 'Memory = nil';
export const HIDE_MEMORY = 'Memory = false';

export const USED = 'return math.floor(collectgarbage("count") * 1024)';
export const COLLECT = 'collectgarbage()';
