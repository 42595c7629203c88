"use strict";
// The blob: length of the JSON, the JSON, and curves in two bytes a number.

/** Unpack what stands, gzipped and in base64, in an element of the page. */
async function unpack(id) {
  const element = document.getElementById(id);
  const text = atob(element.textContent);
  element.remove();
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Return the JSON of the blob, and the bytes of its curves. */
function readBlob(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  return { header: JSON.parse(text), bytes: new Uint8Array(buffer, 4 + length) };
}

const LEVELS = 4095;

/** Return one curve of a cell: numbers, NaN where there is none. */
function curveOf(bytes, curve, cell, entry) {
  const [cells, entries, points] = curve.shape;
  const start = (cell * entries + entry) * points;
  // All low bytes come first, then all high ones; each number is a difference.
  const low = curve.offset, high = curve.offset + cells * entries * points;
  const values = new Array(points);
  let code = 0;
  for (let i = 0; i < points; i++) {
    code = (code + bytes[low + start + i] + 256 * bytes[high + start + i]) & 0xffff;
    const value = curve.low + ((code - 1) / (LEVELS - 1)) * (curve.high - curve.low);
    values[i] = code === 0 ? NaN : curve.log ? 10 ** value : value;
  }
  return values;
}
