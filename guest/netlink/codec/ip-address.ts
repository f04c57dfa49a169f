// SPDX-License-Identifier: MIT
/** IP addresses as text, in the form of inet_ntop(3). */
import { attr } from './attribute.ts'
import { MalformedError } from './errors.ts'
import type { Value } from './value.ts'

/**
 * Loaded at first use: node:net loads all of node's streams, which slows the start of programs that parse no
 * address (docs/measurements.md, Start of programs).
 */
const net = () => process.getBuiltinModule('node:net')

/** An IPv4 or IPv6 address, by its length. Read and written as text, '192.0.2.1' or '2001:db8::1'. */
export const ipAddress: Value<string> = {
  kind: 'IP address',
  read(buffer, start, end) {
    if (end - start === 4) return formatIPv4(buffer, start)
    if (end - start === 16) return formatIPv6(buffer, start)
    throw new MalformedError(`an IP address of ${end - start} bytes`, start)
  },
  write: (type, value) => attr.binary(type, parseIPAddress(value)),
}

/** The 4 or 16 bytes of an address. @throws RangeError for a text that is none */
export function parseIPAddress(text: string): Buffer {
  if (net().isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  if (!net().isIPv6(text) || text.includes('%')) throw new RangeError(`no IP address: ${text}`)
  // an IPv4 address at the end is the last four bytes
  const hex = text.replace(/[\d.]+$/, last => (net().isIPv4(last) ? ipv4AsGroups(last) : last))
  const [head = '', tail] = hex.split('::')
  const before = groups(head)
  const after = groups(tail ?? '')
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0)
  const bytes = Buffer.alloc(16)
  for (const [i, group] of [...before, ...zeros, ...after].entries()) bytes.writeUInt16BE(group, 2 * i)
  return bytes
}

function ipv4AsGroups(text: string): string {
  const bytes = parseIPAddress(text)
  return `${bytes.toString('hex', 0, 2)}:${bytes.toString('hex', 2, 4)}`
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16))
}

function formatIPv4(buffer: Buffer, start: number): string {
  return buffer.subarray(start, start + 4).join('.')
}

/** RFC 5952: the longest run of zero groups, of two at least, is '::'; IPv4-mapped addresses end as IPv4. */
function formatIPv6(buffer: Buffer, start: number): string {
  const words = Array.from({ length: 8 }, (_, i) => buffer.readUInt16BE(start + 2 * i))
  let longest = { from: 8, length: 1 }
  for (let from = 0; from < 8; ) {
    let length = 0
    while (words[from + length] === 0) length++
    if (length > longest.length) longest = { from, length }
    from += length + 1
  }
  const text = (part: number[]) => part.map(word => word.toString(16)).join(':')
  if (longest.from === 0 && longest.length === 5 && words[5] === 0xffff)
    return `::ffff:${formatIPv4(buffer, start + 12)}`
  if (longest.from === 8) return text(words)
  return `${text(words.slice(0, longest.from))}::${text(words.slice(longest.from + longest.length))}`
}
