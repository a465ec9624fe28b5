---- an error with a traceback
local function inner(x) error('broken ' .. x) end
local function outer(x) inner(x + 1) end
outer(1)
---- an error in a method of a library
local t = {}
local function go() return table.concat({1, {}, 3}) end
t.go = go
local s = t.go()
return s
---- an index of nil
local config = {server = {port = 80}}
local function port(c) return c.client.port end
return port(config)
---- an error in a coroutine that nobody catches
local co = coroutine.wrap(function() local x = nil; return x.y end)
co()
---- an error of a metamethod
local t = setmetatable({}, {__index = function(t, k) error('no field ' .. k, 2) end})
return t.missing
---- an error value that is a table
error({code = 42})
---- an error value that tells itself
error(setmetatable({code = 7}, {__tostring = function(e) return 'E' .. e.code end}))
---- an error without a place
error('plain', 0)
---- an error of the caller
local function check(x) if type(x) ~= 'number' then error('number expected', 2) end return x end
local y = check('x')
return y
---- no error value at all
error()
---- source that does not compile
local x = = 1
---- source that ends too early
for i = 1, 10 do
print(i)
---- a goto without a label
goto nowhere
---- a string that does not end
return "abc
---- a break outside of a loop
break
---- an escape that is none
return '\q'
---- an attribute that is none
local x <final> = 1
---- assert and its values
print(pcall(assert, false))
print(pcall(assert, nil, 'message'))
print(pcall(assert, false, {1}))
print(assert(1, 2, 3))
print(pcall(assert))
assert(1 == 2, 'the last')
---- pcall, xpcall and error levels
local function f() error('level 1', 1) end
local function g() error('level 2', 2) end
local function h() error('level 0', 0) end
print(pcall(f)) print(pcall(g)) print(pcall(h)) print(pcall(error))
print(pcall(pcall)) print(pcall(pcall, error, 'x')) print(select('#', pcall(error, nil)))
print(xpcall(f, function(m) return 'handled: ' .. m end))
print(xpcall(function(...) return select('#', ...), ... end, print, 1, nil, 3))
print(xpcall(error, function(m) error('in handler') end, 'x'))
return pcall(xpcall), pcall(xpcall, f)
---- errors that are rethrown
local function try(f, catch, finally) local r = table.pack(pcall(f)) if not r[1] and catch then r = table.pack(pcall(catch, r[2])) end if finally then finally() end if not r[1] then error(r[2], 0) end return table.unpack(r, 2, r.n) end
print(try(function() return 1, 2 end))
print(try(function() error('x', 0) end, function(e) return 'caught ' .. e end))
print(pcall(try, function() error('a', 0) end, function(e) error(e .. 'b', 0) end, function() print('finally') end))
---- names in messages
local t = {field = nil}
global = nil
local up
local function f() return up.x end
print(pcall(function() return t.field.x end))
print(pcall(function() return global.x end))
print(pcall(f))
print(pcall(function() local a = 5 a() end))
print(pcall(function() t.method() end))
print(pcall(function() t:method() end))
print(pcall(function() return ('x'):none() end))
print(pcall(function() return 1 + t end))
print(pcall(function() return 'a' + 1 end))
print(pcall(function() return 2^53 & 1.5 end))
print(pcall(function() return math.none() end))
print(pcall(string.rep, nil, 1))
print(pcall(('x').rep, 'x'))
print(pcall(function() for i = 'a', 2 do end end))
print(pcall(function() return {} < 1 end))
print(pcall(function() return {} .. 'x' end))
---- a traceback through everything
local function level(n)
  if n == 0 then error('deep') end
  if n % 3 == 0 then return (level(n - 1)) end
  if n % 3 == 1 then local ok = select(2, coroutine.resume(coroutine.create(function() return 1 end))) return (level(n - 1)) + ok end
  return (string.gsub('x', 'x', function() level(n - 1) end))
end
level(8)
---- a long traceback is cut
local function f(n) if n == 0 then error('bottom') end f(n - 1) return n end
f(60)
---- recursion without an end
local function f(n) return 1 + f(n + 1) end
return f(1)
---- recursion without an end that is caught
local depth = 0
local function f() depth = depth + 1 return 1 + f() end
local ok, e = pcall(f)
return ok, (e:gsub('%d+', 'N')), depth > 1000
---- errors while closing replace each other
local function closer(name) return setmetatable({}, {__close = function(_, e) error(name .. ' after ' .. tostring(e), 0) end}) end
local a <close> = closer('a')
local b <close> = closer('b')
error('body', 0)
---- long messages
error(('long '):rep(300), 0)
---- messages with bytes that are no text
error('bytes \xff\xfe end', 0)
---- a chunk's name and line in loaded code
local f = load('\n\nerror("loaded")', '=made')
print(pcall(f))
print(pcall(load('error("plain")', 'some source')))
print(pcall(load('error("file")', '@dir/file.lua')))
print(pcall(load('\nerror("first line of text")')))
return load('x ==', '=(load)')
---- the limit of instructions
local n = 0
while true do n = n + 1 end
---- results that can't be returned
return 1, {a = {b = function() end}}
---- results that contain themselves
local t = {}
t.t = t
return t
---- too deep a result
local t = 1
for i = 1, 70 do t = {t} end
return t
