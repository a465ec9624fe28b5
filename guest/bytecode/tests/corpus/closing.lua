-- Variables that are closed: at a block's end, by a break, a goto, a return, an error.
local log = {}
local function closing(name)
  return setmetatable({}, { __close = function(_, err) log[#log + 1] = name .. tostring(err ~= nil) end })
end
do local a <close> = closing("a"); local b <close> = closing("b"); log[#log + 1] = "body" end
local function returns(...) local c <close> = closing("c"); return ..., #log end
local function fixed() local c <close> = closing("c2"); return 1, 2, 3 end
local function none() local c <close> = closing("c3"); return end
local function calls() local d <close> = closing("d"); return returns(1, 2) end
returns(1, 2, 3); calls(); fixed(); none()
for i = 1, 3 do
  local e <close> = closing("e" .. i)
  if i == 2 then break end
  local f = function() return e, i end
  f()
end
for k, v in next, { 1, 2 }, nil, closing("f") do if k == 2 then break end end
for k, v in next, { 1, 2 }, nil, closing("g") do local h <close> = closing("h") end
local function leaves() for k in next, { 1 }, nil, closing("i") do local x = k; return function() return x end end end
leaves()
pcall(function() local j <close> = closing("j"); error("oops") end)
pcall(function() local k <close> = 5 end)
pcall(function() local l <close> = nil; local m <close> = false; local n <close> = closing("n"); error(n) end)
do
  local i = 0
  ::again::
  i = i + 1
  local o <close> = closing("o" .. i)
  local get = function() return o end
  if i < 3 then goto again end
end
while #log < 40 do local p <close> = closing("p"); log[#log + 1] = "w"; if #log > 36 then break end end
repeat local q <close> = closing("q"); local done = #log > 42 until done
local co = coroutine.wrap(function()
  local r <close> = setmetatable({}, { __close = function() coroutine.yield("closing") end })
  local s <close> = setmetatable({}, { __close = function() coroutine.yield("closing too") end })
  coroutine.yield("body")
  return 1, 2, 3
end)
co(); co(); co(); co()
do
  local co = coroutine.create(function() local t <close> = closing("t"); coroutine.yield() end)
  coroutine.resume(co); coroutine.close(co)
end
return #log, table.concat(log, " ")
