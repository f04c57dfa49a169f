// SPDX-License-Identifier: MIT
import path from 'node:path'

/** Make's own lines: progress and failed targets. Its own errors (`*** No rule to make ...`) are kept. */
const noise = [
  /^make(\[\d+\])?: (Entering|Leaving) directory/,
  /^make(\[\d+\])?: \*\*\* \[.*\] Error \d+$/,
  /^make(\[\d+\])?: \*\*\* Waiting for unfinished jobs/,
  /^make(\[\d+\])?: Target '.*' not remade because of errors/,
  /^make(\[\d+\])?: \*\*\* Deleting file/,
  /^ {2}(CC|CHECK|LD|AS|MODPOST|BTF|CALL|DESCEND|GEN|HOSTCC|CHK|UPD|SYNC)\b/,
  // A compiler of another version is known to work, and pahole is not called: BTF is off.
  /^warning: (the compiler|pahole version) differs from the one used to build the kernel$/,
  /^ {2}(The kernel was built (by|with):|You are using:)/,
  /^Skipping BTF generation/,
  /^\s*$/,
]

/**
 * The lines of compiler and modpost in make's output, with the sources named as the user knows them.
 * @param output make's, with paths below the compiled folder relative to it; up to 6.12 kbuild gives gcc
 *   absolute ones
 * @param sources the compiled files, relative as well
 * @param shownAs the user's name of the folder
 * @param dir the folder below it in which make ran: from 6.13 on paths are relative to that
 */
export function compilerLines(
  output: string,
  sources: readonly string[],
  shownAs: string,
  dir = '',
): string[] {
  const known = new Set(sources)
  const placeOf = (file: string) => [file, path.join(dir, file)].find(place => known.has(place))
  return output
    .split('\n')
    .filter(line => !noise.some(it => it.test(line)))
    .map(line => {
      const [, lead = '', file = ''] = /^(In file included from | {17}from )?([^\s:]+):/.exec(line) ?? []
      const place = placeOf(file)
      return place === undefined
        ? line
        : `${lead}${path.join(shownAs, place)}${line.slice(lead.length + file.length)}`
    })
}

/**
 * The objects for which the compiler has said something, as make names them: the lines between an object's
 * line and the next target's (make --output-sync=target).
 * @returns undefined if something was said that is no object's
 */
export function objectsWithMessages(output: string): string[] | undefined {
  const objects = new Set<string>()
  let object: string | undefined
  for (const line of output.split('\n')) {
    const [, kind, target] = /^ {2}([A-Z]+)(?: \[M\])?\s+(\S+)$/.exec(line) ?? []
    if (kind !== undefined) object = kind === 'CC' || kind === 'AS' ? target : ''
    else if (noise.some(it => it.test(line))) continue
    else if (object === undefined) return undefined
    // Other steps are taken anew in each build.
    else if (object !== '') objects.add(object)
  }
  return [...objects]
}
