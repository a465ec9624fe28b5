/** The functions of the standard library that the module `cu` 2.1 had numbers for, in the order of the numbers. */

const NAMES = [
  'print type tonumber tostring pairs ipairs next pcall xpcall error assert select rawget rawset rawequal getmetatable',
  'setmetatable math.abs math.acos math.asin math.atan math.atan2 math.ceil math.cos math.cosh math.deg math.exp',
  'math.floor math.fmod math.frexp math.huge math.ldexp math.log math.log10 math.max math.min math.modf math.pi',
  'math.pow math.rad math.random math.randomseed math.sin math.sinh math.sqrt math.tan math.tanh string.byte',
  'string.char string.dump string.find string.format string.gmatch string.gsub string.len string.lower string.match',
  'string.rep string.reverse string.sub string.upper table.concat table.insert table.maxn table.remove table.sort',
]
  .join(' ')
  .split(' ');

/** The name of a number; undefined if it has none. */
export function libraryName(number: number): string | undefined {
  return NAMES[number];
}
