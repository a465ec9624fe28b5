---- integers wrap around
return math.maxinteger + 1 == math.mininteger, math.mininteger - 1, math.maxinteger * 2, -math.mininteger, math.mininteger // -1, math.mininteger % -1, math.abs(math.mininteger)
---- integer and float division
for _, p in ipairs{{7, 2}, {-7, 2}, {7, -2}, {-7, -2}, {7.5, 2}, {-7.5, 2}, {1, 0.0}, {-1, 0.0}, {0.0, 0}, {5, math.huge}, {-5, math.huge}} do
  print(p[1], p[2], p[1] / p[2], p[1] // p[2], p[1] % p[2], math.fmod(p[1], p[2]))
end
print(pcall(function() return 1 // 0 end))
print(pcall(function() return 1 % 0 end))
return pcall(math.fmod, 1, 0)
---- shifts
return 1 << 62, 1 << 63, 1 << 64, 1 << -1, -1 >> 1, -1 >> 63, -1 >> 64, 1 << 100, 2 >> -1, pcall(function() return '3' << 1 end), 3.0 << 1, pcall(function() return 1.5 << 1 end), ~0, ~5 & 0xff
---- comparisons of integers and floats
return 1 == 1.0, math.maxinteger + 0.0 == math.maxinteger, math.maxinteger < math.maxinteger + 0.0, 2^53 == 2^53 + 1, (1 << 53) + 1 == 2^53, (1 << 53) + 1 > 2^53, -0.0 == 0, 0/0 == 0/0, 1 < math.huge, math.mininteger <= -2^63
---- conversions to integers
print(math.tointeger(3.0), math.tointeger(3.5), math.tointeger('x'), math.tointeger(2^63), math.tointeger(-2^63), math.tointeger(1e308))
print(3 | 0, 3.0 | 0, pcall(function() return 2^63 | 0 end))
print(1e3, 10 // 1.0, 2^2, 10 / 2, 7 // 2.0, 1e15 // 1, 3 % 1.0, 0x7fffffffffffffff + 1.0)
return math.type(1), math.type(1.0), math.type('1'), math.type(2^53 // 1), math.type(1 + 1.0), math.type(10 // 2)
---- literals
return 0xff, 0xA.8p1, 0x.1p4, 1e2, .5, 3., 1e-2, 0xffffffffffffffff, 9223372036854775807, 9223372036854775808, 1E+2, 0x10p-1, 100000000000000000000
---- floor, ceil, modf
for _, x in ipairs{2.5, -2.5, 0.5, -0.5, 1e300, -1e300, 3, -0.0} do print(x, math.floor(x), math.ceil(x), math.modf(x)) end
print(math.modf(math.huge), math.modf(-math.huge), math.floor(2^62), math.ceil(2^62), math.floor(2.0^70))
return pcall(math.floor, 'x'), math.floor('2.7'), math.ult(1, -1), math.ult(-1, 1)
---- min, max, abs
return math.min(3, 1, 2), math.max(1.5, 2, -1), math.min(1), math.max(1, 1.0), math.abs(-5), math.abs(-5.5), math.abs(-0.0), pcall(math.min), pcall(math.max, '10', 9)
---- square roots and powers
return math.sqrt(2), math.sqrt(16), 2^0.5, 2^-1, 10^2, 0^0, (-8)^(1/3) ~= (-8)^(1/3), math.huge^0, 2^1024, 2^-1080, (-2)^3, (-2)^2
---- exponentials and logarithms
local out = {}
for _, x in ipairs{0.5, 1, 2, 10, 100} do
  out[#out + 1] = string.format('%.12g %.12g %.12g %.12g', math.exp(x), math.log(x), math.log(x, 2), math.log(x, 10))
end
return table.concat(out, '|'), math.log(0), math.log(8, 2), math.log(1000, 10), math.log(27, 3), math.exp(0), math.exp(-math.huge)
---- trigonometry
local out = {}
for i = -4, 4 do
  local x = i * math.pi / 6
  out[#out + 1] = string.format('%.10f %.10f %.10f', math.sin(x), math.cos(x), math.tan(x))
end
print(table.concat(out, '\n'))
return math.atan(1), math.atan(1, -1), math.atan(-0.0, -1), math.asin(1), math.acos(0), math.deg(math.pi), math.rad(180), math.pi
---- all digits of floats | not guest: natively, the C library of the machine writes the smallest numbers otherwise with %a
for _, x in ipairs{0.1, 1/3, 2/3, 1e21, 123456789012345.0, 1234567890123456.0, 5e-324, 1.7976931348623157e308, 2^-1074, 4.35, 0.1 + 0.2, 100.0, 1e100, -1e-7} do
  print(x, string.format('%.17g', x), string.format('%a', x), x == tonumber(string.format('%.17g', x)))
end
---- results keep all kinds of floats
return 0.1, 1/3, -0.0, 1e300 * 10, -1e300 * 1e10, 0/0, 5e-324, 2^53, 2^53 + 1.0, 1.5, 65504.0, 65505.0, 3.4028234663852886e38, 1e-45
---- NaN is never equal and never a key | not guest: natively, the processor's sign of NaN is shown
local n = 0/0
local t = {}
print(n == n, n ~= n, n < n, n > n, pcall(function() t[n] = 1 end), t[n], rawequal(n, n))
return n .. '', math.max(n, 1) ~= math.max(n, 1), math.min(1, n), tostring(-n), n + 1 .. '|' .. (n * -1), math.type(n), math.tointeger(n), pcall(math.floor, n)
---- infinite results
return 1/0, -1/0, math.huge - math.huge ~= 0, math.huge == math.huge, math.huge // 1, -math.huge % 2, 5 % math.huge, -5 % math.huge, math.huge > math.maxinteger
---- random numbers from a seed
math.randomseed(42)
local a = {}
for i = 1, 10 do a[i] = math.random(100) end
math.randomseed(42)
for i = 1, 10 do assert(math.random(100) == a[i]) end
return table.concat(a, ' '), math.random(), math.random(5, 6), math.random(0), math.random(math.mininteger, math.maxinteger)
---- random numbers from the call's seed
local a = {}
for i = 1, 8 do a[i] = math.random(1000) end
return table.concat(a, ' '), math.random(), pcall(math.random, 2, 1), pcall(math.random, 0, math.maxinteger), pcall(math.random, 1, 2, 3), math.random(3, 3)
---- shuffles from a seed
math.randomseed(7, 11)
local t = {}
for i = 1, 20 do t[i] = i end
for i = #t, 2, -1 do local j = math.random(i) t[i], t[j] = t[j], t[i] end
return table.concat(t, ' ')
---- monte carlo
local inside = 0
for i = 1, 10000 do local x, y = math.random(), math.random() if x * x + y * y < 1 then inside = inside + 1 end end
return inside
---- greatest common divisors
local function gcd(a, b) while b ~= 0 do a, b = b, a % b end return a end
return gcd(48, 36), gcd(17, 5), gcd(0, 5), gcd(-12, 8), gcd(2^31 | 0, 2^20 | 0), 12 * 18 // gcd(12, 18)
---- primes
local sieve, primes = {}, {}
for i = 2, 2000 do
  if not sieve[i] then
    primes[#primes + 1] = i
    for j = i * i, 2000, i do sieve[j] = true end
  end
end
return #primes, primes[#primes], table.concat(primes, ' ', 1, 20)
---- factors
local function factors(n) local out, d = {}, 2 while n > 1 do while n % d == 0 do out[#out + 1] = d n = n // d end d = d + 1 if d * d > n and n > 1 then out[#out + 1] = n break end end return table.concat(out, 'x') end
return factors(360), factors(97), factors(1001), factors(2^20 | 0), factors(600851475143)
---- powers modulo
local function powmod(b, e, m) local r = 1 b = b % m while e > 0 do if e & 1 == 1 then r = r * b % m end b = b * b % m e = e >> 1 end return r end
return powmod(2, 10, 1000), powmod(3, 200, 50), powmod(7, 1000000, 1000003), powmod(2, 61, 2147483647)
---- collatz
local best, len = 0, 0
for i = 1, 3000 do
  local n, c = i, 1
  while n ~= 1 do n = n % 2 == 0 and n // 2 or 3 * n + 1 c = c + 1 end
  if c > len then best, len = i, c end
end
return best, len
---- matrices
local function mul(a, b) local r = {} for i = 1, #a do r[i] = {} for j = 1, #b[1] do local s = 0 for k = 1, #b do s = s + a[i][k] * b[k][j] end r[i][j] = s end end return r end
local m = {{1, 1}, {1, 0}}
local r = {{1, 0}, {0, 1}}
for _ = 1, 80 do r = mul(r, m) end
return r[1][2], r[1][1], mul({{1.5, 2}}, {{2}, {0.25}})[1][1]
---- a determinant by elimination
local function det(m)
  local n, d = #m, 1.0
  for i = 1, n do
    local p = i
    for r = i + 1, n do if math.abs(m[r][i]) > math.abs(m[p][i]) then p = r end end
    if m[p][i] == 0 then return 0 end
    if p ~= i then m[p], m[i] = m[i], m[p] d = -d end
    d = d * m[i][i]
    for r = i + 1, n do local f = m[r][i] / m[i][i] for c = i, n do m[r][c] = m[r][c] - f * m[i][c] end end
  end
  return d
end
return det{{2, 0, 1}, {1, 3, 2}, {1, 1, 1}}, det{{0, 1}, {1, 0}}, det{{1, 2}, {2, 4}}, string.format('%.10f', det{{0.1, 0.2}, {0.3, 0.4}})
---- newton's method and series
local function root(x) local r = x for _ = 1, 30 do r = (r + x / r) / 2 end return r end
local e, term = 0.0, 1.0
for i = 1, 20 do e = e + term term = term / i end
local pi = 0.0
for k = 0, 999 do pi = pi + (k % 2 == 0 and 4 or -4) / (2 * k + 1) end
return root(2), root(1e10), e, pi
---- sums of floats in order
local t = {}
for i = 1, 1000 do t[i] = 1 / i end
local up, down, kahan, c = 0.0, 0.0, 0.0, 0.0
for i = 1, 1000 do up = up + t[i] end
for i = 1000, 1, -1 do down = down + t[i] end
for i = 1, 1000 do local y = t[i] - c local s = kahan + y c = (s - kahan) - y kahan = s end
return up, down, kahan
---- bits
local function count(n) local c = 0 while n ~= 0 do n = n & n - 1 c = c + 1 end return c end
local function reverse(n) local r = 0 for _ = 1, 64 do r = r << 1 | n & 1 n = n >> 1 end return r end
return count(255), count(-1), reverse(1), reverse(reverse(12345)), 0xff ~ 0x0f, 6 & 3, 6 | 3, ~6, -1 >> 60
---- a linear congruential generator
local x, out = 12345, {}
for i = 1, 8 do x = (x * 1103515245 + 12345) & 0x7fffffff out[i] = x % 100 end
local y = 1
for _ = 1, 100 do y = y * 6364136223846793005 + 1442695040888963407 end
return table.concat(out, ' '), y
---- mandelbrot
for y = -1, 1, 0.25 do
  local line = {}
  for x = -2, 0.75, 0.125 do
    local a, b, n = 0.0, 0.0, 0
    while n < 30 and a * a + b * b < 4 do a, b = a * a - b * b + x, 2 * a * b + y n = n + 1 end
    line[#line + 1] = n == 30 and '#' or n > 5 and '+' or '.'
  end
  print(table.concat(line))
end
