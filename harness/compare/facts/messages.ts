// SPDX-License-Identifier: MIT
/** What compilers, modpost and checkers say of modules, without what moves when a line is added. */

/** A warning. */
export interface Message {
  /** The source or the object that it is about; with the function, if that is told. */
  readonly place: string
  readonly text: string
}

/** `x.c: In function 'f':`; gcc tells it once for all that follows. */
const inFunction = /^(\S+): (?:In function '(\w+)'|At top level):$/
/** `x.c:12:5: warning: text`, of gcc and sparse; `x.c:12 f() warn: text`, of smatch. */
const ofSource = /^([^\s:]+):\d+(?::\d+)?:? (?:(\w+)\(\) )?(?:warning|warn|error): (.*)$/
/** Sparse tells types in lines after it: `x.c:12:5:    expected int`. */
const more = /^([^\s:]+):\d+:\d+: {4}(.*)$/
/** `x.o: warning: objtool: text` */
const ofObject = /^(\S+\.k?o): (?:warning|error): (.*)$/
/** `WARNING: modpost: text`, up to 5.10 and from then on in other words. */
const ofModpost = /^WARNING: (?:modpost: )?(.*)$/

/** gcc names the option of each warning. */
const byGcc = / \[-W[\w=+-]+\]$/
/** What compilers and modpost say in a build with a checker. */
const notOfCheckers = new RegExp(`${byGcc.source}|^WARNING: |: (warning|error): objtool: `)

/** Of files outside the sources: the kernel's headers. */
const ofHeaders = /^\.{0,2}\//

/** The messages of a checker about the sources, in the lines of a build that calls it. */
export function checkerMessages(lines: readonly string[]): Message[] {
  return messagesIn(lines.filter(line => !notOfCheckers.test(line) && !ofHeaders.test(line)))
}

/** Whether a checker cannot read the kernel's headers: what an old one says of the sources is wrong as well. */
export function isLost(lines: readonly string[]): boolean {
  return lines.some(line => ofHeaders.test(line) && /:\d+: error: /.test(line) && !notOfCheckers.test(line))
}

/** The warnings in the lines of a build, in order. */
export function messagesIn(lines: readonly string[]): Message[] {
  const found: { place: string; text: string }[] = []
  let named: { readonly file: string; readonly name: string | undefined } | undefined
  for (const line of lines) {
    const [, begun, name] = inFunction.exec(line) ?? []
    if (begun !== undefined) named = { file: begun, name }
    const source = ofSource.exec(line)
    const [, object, said] = ofObject.exec(line) ?? []
    const [, linked] = ofModpost.exec(line) ?? []
    const [, , type] = more.exec(line) ?? []
    const last = found.at(-1)
    if (source) {
      const [, file = '', told, text = ''] = source
      // Lines of others may come between gcc's.
      const isGcc = byGcc.test(text)
      const name = told ?? (isGcc && named?.file === file ? named.name : undefined)
      found.push({ place: name === undefined ? file : `${file}: ${name}()`, text: settled(text) })
    } else if (object !== undefined) found.push({ place: object, text: settled(said ?? '') })
    else if (linked !== undefined) {
      const [, file = 'modpost'] = /([\w.-]+\.k?o)\b/.exec(linked) ?? []
      found.push({ place: file, text: settled(linked) })
    } else if (type !== undefined && last) last.text = `${last.text}; ${settled(type)}`
  }
  return found
}

/** Without lines, offsets in code, folders of objects, and blanks for alignment. */
function settled(text: string): string {
  return text
    .replace(/ \(see line \d+\)/g, '')
    .replace(/\+0x[\da-f]+(\/0x[\da-f]+)?/g, '')
    .replace(/(?:[\w.-]*\/)+([\w.-]+\.k?o)\b/g, '$1')
    .replace(/\s+/g, ' ')
    .trim()
}
