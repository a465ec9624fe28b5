-- Lines far apart, and more instructions in a row than one absolute line covers.
local a = 1



















local b = a



































































































































local c = b
local function f(x)
  x = x * 2 + x * 3 + x * 4 + x * 5 + x * 6 + x * 7 + x * 8 + x * 9 + x * 10 + x * 11 + x * 12 + x * 13 + x * 14 + x * 15 + x * 16 + x * 17 + x * 18 + x * 19 + x * 20 + x * 21 + x * 22 + x * 23 + x * 24 + x * 25 + x * 26 + x * 27 + x * 28 + x * 29 + x * 30 + x * 31 + x * 32 + x * 33 + x * 34 + x * 35 + x * 36 + x * 37 + x * 38 + x * 39 + x * 40 + x * 41 + x * 42 + x * 43 + x * 44 + x * 45 + x * 46 + x * 47 + x * 48 + x * 49 + x * 50 + x * 51 + x * 52 + x * 53 + x * 54 + x * 55 + x * 56 + x * 57 + x * 58 + x * 59 + x * 60 + x * 61 + x * 62 + x * 63 + x * 64 + x * 65 + x * 66 + x * 67 + x * 68 + x * 69 + x * 70 + x * 71 + x * 72 + x * 73 + x * 74 + x * 75 + x * 76 + x * 77 + x * 78 + x * 79 + x * 80 + x * 81 + x * 82 + x * 83 + x * 84 + x * 85 + x * 86 + x * 87 + x * 88 + x * 89 + x * 90 + x * 91 + x * 92 + x * 93 + x * 94 + x * 95 + x * 96 + x * 97 + x * 98 + x * 99 + x * 100 + x * 101 + x * 102 + x * 103 + x * 104 + x * 105 + x * 106 + x * 107 + x * 108 + x * 109 + x * 110 + x * 111 + x * 112 + x * 113 + x * 114 + x * 115 + x * 116 + x * 117 + x * 118 + x * 119
  return x
end












































































































































































































































































































local d = f(2)
local t = {
  a0 = c,
  a1 = c,
  a2 = c,
  a3 = c,
  a4 = c,
  a5 = c,
  a6 = c,
  a7 = c,
  a8 = c,
  a9 = c,
  a10 = c,
  a11 = c,
  a12 = c,
  a13 = c,
  a14 = c,
  a15 = c,
  a16 = c,
  a17 = c,
  a18 = c,
  a19 = c,
  a20 = c,
  a21 = c,
  a22 = c,
  a23 = c,
  a24 = c,
  a25 = c,
  a26 = c,
  a27 = c,
  a28 = c,
  a29 = c,
  a30 = c,
  a31 = c,
  a32 = c,
  a33 = c,
  a34 = c,
  a35 = c,
  a36 = c,
  a37 = c,
  a38 = c,
  a39 = c,
  a40 = c,
  a41 = c,
  a42 = c,
  a43 = c,
  a44 = c,
  a45 = c,
  a46 = c,
  a47 = c,
  a48 = c,
  a49 = c,
  a50 = c,
  a51 = c,
  a52 = c,
  a53 = c,
  a54 = c,
  a55 = c,
  a56 = c,
  a57 = c,
  a58 = c,
  a59 = c,
}
return d, t.a7, not not d, d and not t
