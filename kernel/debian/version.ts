// SPDX-License-Identifier: MIT
/**
 * Compares Debian versions (deb-version(7)): epoch, upstream version, revision; digits compare as numbers,
 * `~` sorts before everything, even the end, and letters sort before other characters.
 * @returns negative, zero or positive, as for Array.sort
 */
export function compareVersions(a: string, b: string): number {
  const left = split(a)
  const right = split(b)
  return (
    left.epoch - right.epoch ||
    comparePart(left.upstream, right.upstream) ||
    comparePart(left.revision, right.revision)
  )
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const [, epoch = '0', upstream = '', revision = ''] = /^(?:(\d+):)?(.*?)(?:-([^-]*))?$/.exec(version) ?? []
  return { epoch: Number(epoch), upstream, revision }
}

function comparePart(a: string, b: string): number {
  // Alternating runs, text first: "1.0~rc1" is ['', '1', '.', '0', '~rc', '1', ''].
  const left = a.split(/(\d+)/)
  const right = b.split(/(\d+)/)
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference =
      i % 2 === 0 ? compareText(left[i] ?? '', right[i] ?? '') : Number(left[i] ?? 0) - Number(right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function compareText(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = rank(a[i]) - rank(b[i])
    if (difference !== 0) return difference
  }
  return 0
}

function rank(character: string | undefined): number {
  if (character === undefined) return 0
  if (character === '~') return -1
  const code = character.charCodeAt(0)
  return /[A-Za-z]/.test(character) ? code : code + 256
}
