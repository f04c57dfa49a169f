// SPDX-License-Identifier: MIT
/** A build that goes on from the last one gives what a clean build gives, and compiles less. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { discard } from '../../harness/base/cache.ts'
import { cacheRoot } from '../../harness/base/cache-root.ts'
import { ModuleError } from '../../harness/base/errors.ts'
import { silentProgress } from '../../harness/base/progress.ts'
import { provideKernel } from '../provide.ts'
import { buildModules } from './build-modules.ts'
import type { ModuleFolder } from './module-sources.ts'

const files = {
  Kbuild: `obj-m := parts.o
parts-y := main.o left.o sub/right.o warns.o made.o holds.o
CFLAGS_holds.o := -DSHARED_FILE=\\"$(src)/shared.h\\"
CFLAGS_left.o := -DANSWER=$(or $(ANSWER),0)
$(obj)/made.o: $(obj)/made.h
$(obj)/made.h: $(src)/values.txt
	@sed 's/.*/#define MADE "&"/' $< >$@
`,
  'values.txt': 'one\n',
  'shared.h': '#define SHARED "first"\n',
  'main.c':
    '#include <linux/module.h>\n#include "shared.h"\nMODULE_LICENSE("GPL");\nMODULE_INFO(main, SHARED);\n',
  'left.c': 'int left_answer(void);\nint left_answer(void)\n{\n\treturn ANSWER;\n}\n',
  'sub/right.c': '#include <linux/module.h>\n#include "../shared.h"\nMODULE_INFO(right, SHARED);\n',
  'warns.c': '#include <linux/kernel.h>\n#warning spoken\nMODULE\n'.replace('MODULE\n', ''),
  'holds.c': 'asm(".section .rodata, \\"a\\"\\n.incbin \\"" SHARED_FILE "\\"\\n.previous");\n',
  'made.c': '#include <linux/module.h>\n#include "made.h"\nMODULE_INFO(made, MADE);\n',
}
const all = ['holds', 'left', 'made', 'main', 'sub/right', 'warns']
/** Compiled in each build: what has warned, and what reads a generated file, or one that no compiler lists. */
const always = ['holds', 'made', 'warns']

let root: string
let dir: string
let builds: number

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'build-folder-'))
  dir = path.join(root, 'parts')
  for (const [name, content] of Object.entries(files)) write(name, content)
  // Nothing of these sources is in the cache.
  write('README', root)
  builds = 0
})
afterEach(() => rmSync(root, { recursive: true }))

function write(name: string, content: string): void {
  mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
  writeFileSync(path.join(dir, name), content)
}

// From 6.13 on make runs in the modules' folder.
const labels = ['debian-6.1', 'debian-7.3']

describe.each(labels)('%s', label => {
  /** The module's bytes, and what was compiled for it. The result is not cached. */
  async function built(folder: string, more: Partial<ModuleFolder> = {}) {
    const notes: string[] = []
    const kernel = await provideKernel(label, { progress: silentProgress })
    const modules = await buildModules(kernel, [{ dir: folder, ...more }], {
      progress: { ...silentProgress, note: line => notes.push(line) },
    })
    const { file, debug } = modules.get('parts') ?? { file: '', debug: '' }
    const entry = path.dirname(file)
    const bytes = [readFileSync(file), readFileSync(debug)]
    const log = readFileSync(path.join(entry, 'build.log'), 'utf8')
    const compiled = [...log.matchAll(/^ {2}CC \[M\] {2}(\S+)\.o$/gm)].map(match => match[1] as string)
    expect(notes.filter(line => line.includes('spoken'))).not.toEqual([])
    await discard('modules', path.basename(entry))
    return { bytes, compiled: compiled.filter(name => !/\.mod$|module-common$/.test(name)).sort() }
  }

  /** Builds the folder as it is now, and a copy of it that was never built: both give the same. */
  async function compiledFor(more: Partial<ModuleFolder> = {}): Promise<string[]> {
    const { bytes, compiled } = await built(dir, more)
    const copy = path.join(root, `copy-${++builds}`)
    cpSync(dir, copy, { recursive: true })
    const clean = await built(copy, more)
    expect(clean.compiled).toEqual(all.filter(name => existsSync(path.join(dir, `${name}.c`))))
    expect(bytes.map((part, index) => part.equals(clean.bytes[index] ?? Buffer.of()))).toEqual([true, true])
    return compiled
  }

  test('compiles what reads a changed file, whatever its date says', async () => {
    await built(dir)
    write('main.c', `${files['main.c']}/* a comment */\n`)
    expect(await compiledFor()).toEqual([...always, 'main'].sort())
    write('shared.h', '#define SHARED "second"\n')
    utimesSync(path.join(dir, 'shared.h'), 1, 1)
    expect(await compiledFor()).toEqual([...always, 'main', 'sub/right'].sort())
    write('shared.h', files['shared.h'])
    utimesSync(path.join(dir, 'shared.h'), 1, 1)
    expect(await compiledFor()).toEqual([...always, 'main', 'sub/right'].sort())
  })

  // The rest does not depend on the kernel.
  if (label !== labels[0]) return

  test('goes on after a mistake, and not after an interruption', async () => {
    await built(dir)
    write('left.c', 'nonsense\n')
    await expect(compiledFor()).rejects.toThrow(ModuleError)
    write('left.c', `${files['left.c']}/* right again */\n`)
    expect(await compiledFor()).toEqual([...always, 'left'].sort())

    // What a killed make leaves: parts of files, and no state.
    write('main.c', `${files['main.c']}/* a comment */\n`)
    for (const folder of buildFolders()) {
      rmSync(path.join(folder, 'state.json'))
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
        if (name.endsWith('.o')) truncateSync(path.join(folder, name), 100)
    }
    expect(await compiledFor()).toEqual(all)
  })

  test('compiles all where more than objects may differ', async () => {
    await built(dir)
    const steps: [string, () => void, Partial<ModuleFolder>?][] = [
      ['a file that a rule of its own reads', () => write('values.txt', 'two\n')],
      ['another variable', () => {}, { make: { ANSWER: '42' } }],
      ['another Kbuild', () => write('Kbuild', files.Kbuild.replace('or $', 'or  $'))],
      ['a new file, which may be found in the place of another', () => write('sub/shared.h', '')],
      ['a removed file', () => rmSync(path.join(dir, 'sub/shared.h'))],
      [
        'a renamed file',
        () => {
          renameSync(path.join(dir, 'left.c'), path.join(dir, 'port.c'))
          write('Kbuild', files.Kbuild.replaceAll('left.o', 'port.o'))
        },
      ],
    ]
    for (const [what, change, more] of steps) {
      change()
      const names = all.map(name => (what === 'a renamed file' && name === 'left' ? 'port' : name)).sort()
      expect.soft((await built(dir, more)).compiled, what).toEqual(names)
    }
  })

  /** The folders that are kept for builds of this test's folder. */
  function buildFolders(): string[] {
    const kept = path.join(cacheRoot(), 'builds')
    return readdirSync(kept)
      .map(name => path.join(kept, name))
      .filter(folder => {
        const state = path.join(folder, 'state.json')
        return existsSync(state) && readFileSync(state, 'utf8').includes('"sub/right.c"')
      })
  }
})
