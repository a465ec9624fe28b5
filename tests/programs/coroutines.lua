---- resume and yield pass values
local co = coroutine.create(function(a, b)
  print('start', a, b)
  local c = coroutine.yield(a + b)
  print('got', c)
  local d, e = coroutine.yield(c * 2)
  print('got', d, e)
  return 'done', d .. e
end)
print(coroutine.resume(co, 1, 2))
print(coroutine.status(co))
print(coroutine.resume(co, 10))
print(coroutine.resume(co, 'x', 'y'))
print(coroutine.status(co), coroutine.resume(co))
---- generators
local function range(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local out = {}
for i in range(5) do out[#out + 1] = i end
return table.concat(out, ' ')
---- producers and consumers
local function producer() return coroutine.create(function() for _, l in ipairs{'one', 'two', 'three'} do coroutine.yield(l) end end) end
local function filter(p) return coroutine.create(function() local n = 1 while true do local ok, l = coroutine.resume(p) if not l then return end coroutine.yield(n .. ' ' .. l) n = n + 1 end end) end
local f = filter(producer())
while true do local ok, l = coroutine.resume(f) if not l then break end print(l) end
return coroutine.status(f)
---- permutations as a generator
local function permgen(a, n) if n <= 1 then coroutine.yield(a) else for i = 1, n do a[n], a[i] = a[i], a[n] permgen(a, n - 1) a[n], a[i] = a[i], a[n] end end end
local out = {}
for p in coroutine.wrap(function() permgen({1, 2, 3}, 3) end) do out[#out + 1] = table.concat(p) end
return table.concat(out, ' ')
---- a scheduler
local tasks, log = {}, {}
local function spawn(name, n) tasks[#tasks + 1] = coroutine.create(function() for i = 1, n do log[#log + 1] = name .. i coroutine.yield() end end) end
spawn('a', 3) spawn('b', 1) spawn('c', 2)
while #tasks > 0 do
  for i = #tasks, 1, -1 do
    coroutine.resume(tasks[i])
    if coroutine.status(tasks[i]) == 'dead' then table.remove(tasks, i) end
  end
end
return table.concat(log, ' ')
---- errors in coroutines
local co = coroutine.create(function() error('inside') end)
print(coroutine.resume(co))
print(coroutine.status(co), coroutine.resume(co))
local w = coroutine.wrap(function() error({code = 5}) end)
local ok, e = pcall(w)
print(ok, e.code, pcall(w))
local x = coroutine.wrap(function() error('text') end)
return pcall(x)
---- yield across pcall
local co = coroutine.wrap(function()
  local ok, e = pcall(function()
    local v = coroutine.yield('in pcall')
    error('with ' .. v, 0)
  end)
  coroutine.yield(ok, e)
  return 'end'
end)
return co(), table.pack(co('value'))[2], co()
---- yield in metamethods, iterators and sorts
local mt = {__add = function(a, b) return coroutine.yield('add') + b.v end, __index = function(t, k) return coroutine.yield('index ' .. k) end}
local co = coroutine.wrap(function()
  local a, b = setmetatable({v = 1}, mt), setmetatable({v = 2}, mt)
  local s = a + b
  local x = a.missing
  for v in function() return coroutine.yield('next') end do s = s + v end
  return s, x
end)
print(co()) print(co(40)) print(co('found')) print(co(5)) print(co(nil))
return coroutine.resume(coroutine.create(function() table.sort({3, 2, 1}, function(a, b) coroutine.yield() return a < b end) end))
---- yield from nested functions
local function deep(n) if n == 0 then coroutine.yield('bottom') else deep(n - 1) end return n end
local co = coroutine.create(function() return deep(100) end)
return coroutine.resume(co), select(2, coroutine.resume(co))
---- status, running and isyieldable
local main, ismain = coroutine.running()
print(type(main), ismain, coroutine.isyieldable())
local co co = coroutine.create(function()
  print(coroutine.status(co), coroutine.isyieldable(), select(2, coroutine.running()))
  local inner = coroutine.create(function() print(coroutine.status(co)) end)
  coroutine.resume(inner)
end)
print(coroutine.status(co))
coroutine.resume(co)
return coroutine.status(co)
---- closing
local log = {}
local co = coroutine.create(function()
  local a <close> = setmetatable({}, {__close = function(_, e) log[#log + 1] = 'a ' .. tostring(e) end})
  local b <close> = setmetatable({}, {__close = function(_, e) log[#log + 1] = 'b ' .. tostring(e) error('late', 0) end})
  coroutine.yield()
end)
coroutine.resume(co)
print(coroutine.close(co))
print(coroutine.status(co), coroutine.close(co))
return table.concat(log, ', '), coroutine.close(coroutine.create(print))
---- many at once
local cos, sum = {}, 0
for i = 1, 500 do cos[i] = coroutine.wrap(function() local n = i while true do n = n + coroutine.yield(n) end end) cos[i]() end
for r = 1, 3 do for i = 1, 500 do sum = sum + cos[i](r) end end
return sum
---- recursion of generators
local function tree(n) if n > 0 then return {tree(n - 1), n, tree(n - 1)} end end
local function walk(t) if t then walk(t[1]) coroutine.yield(t[2]) walk(t[3]) end end
local out = {}
for v in coroutine.wrap(function() walk(tree(4)) end) do out[#out + 1] = v end
return table.concat(out)
---- a pipeline of squares and sums
local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local function map(f, g) return coroutine.wrap(function() for v in g do coroutine.yield(f(v)) end end) end
local function keep(f, g) return coroutine.wrap(function() for v in g do if f(v) then coroutine.yield(v) end end end) end
local sum = 0
for v in keep(function(v) return v % 3 == 0 end, map(function(v) return v * v end, gen(30))) do sum = sum + v end
return sum
---- wrap inside wrap inside wrap
local function nest(n) if n == 0 then return function() return 'core' end end return coroutine.wrap(function() local v = nest(n - 1)() coroutine.yield(v .. n) end) end
return nest(5)(), nest(50)() ~= nil
---- primes by filters
local function gen(n) return coroutine.wrap(function() for i = 2, n do coroutine.yield(i) end end) end
local function filter(p, g) return coroutine.wrap(function() for n in g do if n % p ~= 0 then coroutine.yield(n) end end end) end
local out, x = {}, gen(60)
while true do local n = x() if n == nil then break end out[#out + 1] = n x = filter(n, x) end
return table.concat(out, ' ')
---- values that travel both ways
local acc = coroutine.wrap(function() local sum, n = 0, 0 while true do local v = coroutine.yield(n > 0 and sum / n or nil) sum, n = sum + v, n + 1 end end)
acc()
return acc(10), acc(20), acc(30)
---- wrong uses
print(pcall(coroutine.create, 5))
print(pcall(coroutine.resume, 5))
print(pcall(coroutine.wrap))
print(pcall(coroutine.status, {}))
print(coroutine.resume(coroutine.create(function() return coroutine.resume(coroutine.running()) end)))
print(pcall(coroutine.close, coroutine.running()))
return pcall(coroutine.yield)
