import path from 'node:path'

/** What make itself says: progress and the failing of targets. Its own errors (`*** No rule to make ...`) are kept. */
const noise = [
  /^make(\[\d+\])?: (Entering|Leaving) directory/,
  /^make(\[\d+\])?: \*\*\* \[.*\] Error \d+$/,
  /^make(\[\d+\])?: \*\*\* Waiting for unfinished jobs/,
  /^make(\[\d+\])?: Target '.*' not remade because of errors/,
  /^make(\[\d+\])?: \*\*\* Deleting file/,
  /^ {2}(CC|LD|AS|MODPOST|BTF|CALL|DESCEND|GEN|HOSTCC|CHK|UPD|SYNC)\b/,
  // Of another version than the kernel's own: known to work. pahole is not even called, for BTF is switched off.
  /^warning: (the compiler|pahole version) differs from the one used to build the kernel$/,
  /^ {2}(The kernel was built (by|with):|You are using:)/,
  /^Skipping BTF generation/,
  /^\s*$/,
]

/**
 * The compiler's and modpost's own lines in make's output, with the user's sources named as the user knows them.
 * @param output with paths below the folder that was compiled relative to it; up to 6.12 kbuild gives gcc absolute
 *   ones
 * @param sources the files that were compiled, relative as well
 * @param shownAs the user's name of the folder
 * @param dir where make ran below it: from 6.13 on, paths are relative to that
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
