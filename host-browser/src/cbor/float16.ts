/** Half-precision floats, which CBOR uses wherever they lose nothing. */

/** The number that 16 bits stand for. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** The 16 bits that stand for exactly this number, or undefined if none do. NaN has none here. */
export function toHalf(value: number): number | undefined {
  single[0] = value;
  if (single[0] !== value) return undefined;
  const bits = singleBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7f_ffff;
  if (exponent === 0xff) return sign | 0x7c00;
  if (exponent === 0 && fraction === 0) return sign;
  const shifted = exponent - 127 + 15;
  if (shifted >= 0x1f || shifted < -9) return undefined;
  if (shifted > 0) return fraction & 0x1fff ? undefined : sign | (shifted << 10) | (fraction >>> 13);
  // A subnormal half: the leading one becomes a bit of the fraction.
  const whole = fraction | 0x80_0000;
  const drop = 14 - shifted;
  return whole & ((1 << drop) - 1) ? undefined : sign | (whole >>> drop);
}
