---- a counter keeps its variable
local function counter() local n = 0 return function() n = n + 1 return n end end
local a, b = counter(), counter()
return a(), a(), b(), a()
---- each turn of a loop has its own variable
local fs = {}
for i = 1, 5 do fs[i] = function() i = i + 1 return i end end
print(fs[1](), fs[1](), fs[2](), fs[5]())
local gs = {}
local j = 0
while j < 3 do local k = j gs[#gs + 1] = function() return k end j = j + 1 end
return gs[1](), gs[2](), gs[3]()
---- closures share a variable
local function pair()
  local x = 0
  return function(v) x = v end, function() return x end
end
local set, get = pair()
set(10)
local before = get()
set('ten')
return before, get()
---- upvalues of upvalues
local function a() local x = 1 return function() local y = 2 return function() local z = 3 return function() x, y, z = x + z, y + x, z + y return x, y, z end end end end
local f = a()()()
f() f()
return f()
---- currying
local function curry(f, n)
  n = n or 2
  local function step(args, k)
    return function(x)
      local all = {table.unpack(args)}
      all[#all + 1] = x
      if k == 1 then return f(table.unpack(all)) end
      return step(all, k - 1)
    end
  end
  return step({}, n)
end
return curry(function(a, b, c) return a * 100 + b * 10 + c end, 3)(1)(2)(3)
---- composing and folding
local function compose(...)
  local fs = table.pack(...)
  return function(...)
    local r = table.pack(...)
    for i = fs.n, 1, -1 do r = table.pack(fs[i](table.unpack(r, 1, r.n))) end
    return table.unpack(r, 1, r.n)
  end
end
local inc = function(x) return x + 1 end
local double = function(x) return x * 2 end
return compose(inc, double)(5), compose(double, inc)(5), compose()(7, 8)
---- memoized fibonacci
local memo = setmetatable({}, {__mode = 'k'})
local function memoize(f)
  local cache = {}
  return function(n)
    if cache[n] == nil then cache[n] = f(n) end
    return cache[n]
  end
end
local fib
fib = memoize(function(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end)
for _, n in ipairs{0, 1, 10, 50, 90, 92, 93} do print(n, fib(n)) end
---- ackermann
local function ack(m, n)
  if m == 0 then return n + 1 end
  if n == 0 then return ack(m - 1, 1) end
  return ack(m - 1, ack(m, n - 1))
end
return ack(0, 0), ack(1, 5), ack(2, 3), ack(3, 3)
---- hanoi
local moves = {}
local function hanoi(n, a, b, c)
  if n == 0 then return end
  hanoi(n - 1, a, c, b)
  moves[#moves + 1] = a .. '>' .. c
  hanoi(n - 1, b, a, c)
end
hanoi(4, 'A', 'B', 'C')
return #moves, table.concat(moves, ' ')
---- tail calls do not grow the stack
local function loop(n, acc) if n == 0 then return acc end return loop(n - 1, acc + n) end
local function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
return loop(300000, 0), pcall(even, 3)
---- mutual recursion
local even, odd
function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
return even(100001), odd(100001)
---- varargs keep nils
local function f(...) return select('#', ...), (...) end
print(f())
print(f(nil))
print(f(nil, nil, 3))
print(select(-1, 1, 2, 3), select(2, 'a', 'b', 'c'))
print(pcall(select, 0, 1))
local t = table.pack(nil, 2, nil)
return t.n, #{...}, t[2]
---- varargs in constructors and calls
local function three() return 1, 2, 3 end
local t = {three(), three()}
local u = {three(), (three())}
local v = {[1] = 'x', three()}
print(#t, #u, v[1], #v)
print((three()), three())
print(three(), 10)
return math.max(three(), 2), string.format('%d %d %d', three())
---- method calls and self
local Account = {}
Account.__index = Account
function Account.new(b) return setmetatable({balance = b}, Account) end
function Account:deposit(v) self.balance = self.balance + v return self end
function Account:withdraw(v)
  if v > self.balance then error('insufficient funds', 2) end
  self.balance = self.balance - v
  return self
end
local a = Account.new(100)
a:deposit(50):withdraw(30)
print(a.balance, pcall(a.withdraw, a, 1000))
print(pcall(function() a:withdraw(1000) end))
return a.balance
---- goto as continue and as nested break
local out = {}
for i = 1, 10 do
  if i % 3 == 0 then goto continue end
  for j = 1, 10 do
    if i * j > 20 then goto done end
    if j % 2 == 0 then goto skip end
    out[#out + 1] = i * j
    ::skip::
  end
  ::continue::
end
::done::
return table.concat(out, ',')
---- goto backward makes fresh locals
local fs = {}
local i = 1
::top::
do
  local x = i * 10
  fs[#fs + 1] = function() x = x + 1 return x end
end
i = i + 1
if i <= 3 then goto top end
return fs[1](), fs[1](), fs[2](), fs[3]()
---- loops count as they should
local function count(a, b, c) local n, last = 0 for i = a, b, c or 1 do n = n + 1 last = i if n > 20 then break end end return n, last end
print(count(1, 3), count(3, 1), count(3, 1, -1))
print(count(1, 2, 0.25), count(0.1, 1, 0.3))
print(count(math.maxinteger - 1, math.maxinteger))
print(count(math.mininteger, math.mininteger + 2))
print(count(math.mininteger, math.maxinteger, math.maxinteger))
print(count(1, math.huge, 1 << 60))
print(count(1.0, 3), math.type(select(2, count(1.0, 3))))
print(pcall(count, 1, 10, 0))
print(pcall(count, 'x', 10))
print(pcall(count, 1, {}))
---- repeat sees its locals
local n = 0
repeat local done = n >= 3 n = n + 1 until done
return n
---- integer division of loops
local s = {}
for i = 10, 1, -3 do s[#s + 1] = i // 3 .. ':' .. i % 3 .. ':' .. -i // 3 .. ':' .. -i % 3 end
return table.concat(s, ' ')
---- constants and variables that are closed
local log = {}
do
  local a <const> = 5
  local b <close> = setmetatable({}, {__close = function(_, e) log[#log + 1] = 'b ' .. tostring(e) end})
  local c <close> = setmetatable({}, {__close = function(_, e) log[#log + 1] = 'c ' .. tostring(e) end})
  local d <close> = nil
  log[#log + 1] = 'body ' .. a
end
print(pcall(function()
  local x <close> = setmetatable({}, {__close = function(_, e) log[#log + 1] = 'x ' .. tostring(e) error('from close', 0) end})
  error('first', 0)
end))
print(load('local a <const> = 1 a = 2'))
print(pcall(function() local x <close> = 5 end))
return table.concat(log, '; ')
---- closing a generic for
local log = {}
local function iterate(n)
  local closer = setmetatable({}, {__close = function() log[#log + 1] = 'closed' end})
  return function(_, i) if i < n then return i + 1 end end, nil, 0, closer
end
for i in iterate(3) do log[#log + 1] = i end
for i in iterate(9) do if i == 2 then break end log[#log + 1] = i end
return table.concat(log, ' ')
---- stateless and stateful iterators
local function squares(max, i) i = i + 1 if i <= max then return i, i * i end end
for i, s in squares, 4, 0 do print(i, s) end
local function words(s) local p = 1 return function() local a, b, w = s:find('(%a+)', p) if a then p = b + 1 return w end end end
local all = {}
for w in words('the quick, brown fox!') do all[#all + 1] = w end
return table.concat(all, '|')
---- an interpreter of brackets
local function run(program, input)
  local tape, p, i, ip, out = setmetatable({}, {__index = function() return 0 end}), 1, 1, 1, {}
  local jump, stack = {}, {}
  for k = 1, #program do
    local c = program:sub(k, k)
    if c == '[' then stack[#stack + 1] = k elseif c == ']' then local s = table.remove(stack) jump[s], jump[k] = k, s end
  end
  while i <= #program do
    local c = program:sub(i, i)
    if c == '>' then p = p + 1 elseif c == '<' then p = p - 1
    elseif c == '+' then tape[p] = (tape[p] + 1) % 256 elseif c == '-' then tape[p] = (tape[p] - 1) % 256
    elseif c == '.' then out[#out + 1] = string.char(tape[p])
    elseif c == ',' then tape[p] = input:byte(ip) or 0 ip = ip + 1
    elseif c == '[' and tape[p] == 0 then i = jump[i] elseif c == ']' and tape[p] ~= 0 then i = jump[i] end
    i = i + 1
  end
  return table.concat(out)
end
return run('++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.>>.<-.<.+++.------.--------.>>+.', ''), run(',[.,]', 'echo')
---- a small stack machine
local ops = {
  push = function(s, v) s[#s + 1] = v end,
  add = function(s) local b = table.remove(s) s[#s] = s[#s] + b end,
  mul = function(s) local b = table.remove(s) s[#s] = s[#s] * b end,
  dup = function(s) s[#s + 1] = s[#s] end,
  swap = function(s) s[#s], s[#s - 1] = s[#s - 1], s[#s] end,
}
local function run(text)
  local s = {}
  for word in text:gmatch('%S+') do
    if ops[word] then ops[word](s) else ops.push(s, assert(math.tointeger(tonumber(word)), 'no number: ' .. word)) end
  end
  return table.unpack(s)
end
print(run('2 3 add dup mul'))
print(run('1 2 swap'))
print(pcall(run, '1 x add'))
---- a recursive descent calculator
local function calc(s)
  local p = 1
  local expr
  local function peek() p = s:find('%S', p) or #s + 1 return s:sub(p, p) end
  local function atom()
    local c = peek()
    if c == '(' then p = p + 1 local v = expr() assert(peek() == ')', 'expected )') p = p + 1 return v end
    if c == '-' then p = p + 1 return -atom() end
    local a, b = s:find('^%d+%.?%d*', p)
    if not a then error('unexpected ' .. (c == '' and 'end' or c), 0) end
    p = b + 1
    return tonumber(s:sub(a, b))
  end
  local function term()
    local v = atom()
    while true do
      local c = peek()
      if c == '*' then p = p + 1 v = v * atom() elseif c == '/' then p = p + 1 v = v / atom() elseif c == '%' then p = p + 1 v = v % atom() else return v end
    end
  end
  function expr()
    local v = term()
    while true do
      local c = peek()
      if c == '+' then p = p + 1 v = v + term() elseif c == '-' then p = p + 1 v = v - term() else return v end
    end
  end
  local v = expr()
  if peek() ~= '' then error('trailing ' .. peek(), 0) end
  return v
end
for _, s in ipairs{'1 + 2 * 3', '(1 + 2) * 3', '10 / 4', '7 % 4 - -2', '2 * (3 + (4 - 1)) / 3', '1 +', '1 1', '((2)'} do print(s, pcall(calc, s)) end
---- load with environments
local env = {x = 5, print = print}
local f = load('x = x + 1 y = x * 2 return x, y', 'chunk', 't', env)
print(f())
print(env.x, env.y, x, y)
print(load('return 1 +'))
print(load('x = = 1', '=name'))
print(load('x = "abc', '@file.lua'))
print(load(function() return nil end)())
local parts = {'return ', '1', ' + ', '2', nil}
local i = 0
return load(function() i = i + 1 return parts[i] end)(), pcall(load, function() return 5 + {} end)
---- assignments happen in order
local a = {}
local i = 1
i, a[i] = i + 1, 20
local x, y, z = 1
local p, q = (function() return 7, 8 end)()
a.b, a.c = p, q, 9
x, y = y, x
return i, a[1], x, y, z, a.b, a.c
---- logical operators keep their values
print(nil and 1, false and 1, 0 and 1, '' and 1)
print(nil or 1, false or nil, 0 or 1, nil or false)
print(not nil, not 0, not not 'x')
print(1 and 2 or 3, nil and 2 or 3, 1 and nil or 3)
local calls = 0
local function t(v) calls = calls + 1 return v end
local _ = t(false) and t(true), t(true) or t(false)
return calls, 1 == 1.0, '1' == 1, 0 == -0, 1 < 2 == true
---- precedence
return 2 + 3 * 4 ^ 2 / 2, -2 ^ 2, not 1 == 2, 1 .. 2 .. 3, 2 ^ 3 ^ 2, 1 << 2 + 1, 5 & 6 | 8 ~ 1, -3 // 2 * 2, #'abc' + 1, 'a' .. 1 + 2 < 'a4'
---- scopes and shadows
local x = 1
local function f() return x end
local x = x + 1
do local x = x + 1 print(x) end
local function g() return x end
for x = 10, 10 do print(x) end
return f(), g(), x
---- a queue and a stack
local Queue = {} Queue.__index = Queue
function Queue.new() return setmetatable({first = 1, last = 0}, Queue) end
function Queue:push(v) self.last = self.last + 1 self[self.last] = v end
function Queue:pop() if self.first > self.last then return nil end local v = self[self.first] self[self.first] = nil self.first = self.first + 1 return v end
local q = Queue.new()
for i = 1, 5 do q:push(i * i) end
print(q:pop(), q:pop()) q:push('x')
local rest = {}
for v in function() return q:pop() end do rest[#rest + 1] = v end
return table.concat(rest, ' '), q:pop()
---- permutations
local out = {}
local function permute(a, n)
  n = n or #a
  if n <= 1 then out[#out + 1] = table.concat(a) return end
  for i = 1, n do
    a[n], a[i] = a[i], a[n]
    permute(a, n - 1)
    a[n], a[i] = a[i], a[n]
  end
end
permute{'a', 'b', 'c', 'd'}
return #out, table.concat(out, ' ')
---- eight queens
local N, count, first = 6, 0
local rows = {}
local function ok(n, c) for i = 1, n - 1 do if rows[i] == c or rows[i] - i == c - n or rows[i] + i == c + n then return false end end return true end
local function add(n)
  if n > N then count = count + 1 first = first or table.concat(rows, ' ') return end
  for c = 1, N do if ok(n, c) then rows[n] = c add(n + 1) end end
end
add(1)
return count, first
