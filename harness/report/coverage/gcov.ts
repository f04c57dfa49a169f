// SPDX-License-Identifier: MIT
/** gcov: what it reads (.gcno, .gcda: gcc/gcov-io.h), and what it says of it. */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as v from 'valibot'
import type { Notes } from '../../../kernel/build/profiled.ts'
import { runToolOrFail } from '../../base/process.ts'
import { requireTool } from '../../base/tools.ts'
import type { DataFile } from '../../pool/coverage.ts'

const LIMIT = 120_000
const WORD = 4

/** `gcov --json-format`: gcov(1). */
const said = v.object({
  files: v.array(
    v.object({
      file: v.string(),
      functions: v.array(
        v.object({
          name: v.string(),
          start_line: v.number(),
          end_line: v.number(),
          execution_count: v.number(),
        }),
      ),
      lines: v.array(
        v.object({
          line_number: v.number(),
          count: v.number(),
          branches: v.array(v.object({ count: v.number() })),
        }),
      ),
    }),
  ),
})

/** A source file in what gcov says: a path as the compiler had it. */
export type GcovFile = v.InferOutput<typeof said>['files'][number]

/**
 * What gcov says of all objects of these notes: a source as often as it ran in another guest, or as another copy
 * of its module.
 * @param data the counters of some objects; the others have not run
 * @throws MachineryError if gcov does not understand them
 */
export async function gcov({ folder, gcov: program }: Notes, data: readonly DataFile[]): Promise<GcovFile[]> {
  requireTool(program)
  const objects = globSync('**/*.gcno', { cwd: folder })
    .sort()
    .map(object => {
      const notes = readFileSync(path.join(folder, object))
      return { notes, counted: data.filter(each => belong(each, object, notes)) }
    })
  // All is compiled without counters.
  if (objects.length === 0) return []
  // gcov takes one data file of each object at a time.
  const rounds = Math.max(1, ...objects.map(({ counted }) => counted.length))
  const files: GcovFile[] = []
  for (let round = 0; round < rounds; round++) {
    const now = objects.filter(({ counted }) => round === 0 || counted.length > round)
    files.push(
      ...(await run(
        program,
        now.map(({ notes, counted }) => ({ notes, data: counted[round]?.data })),
      )),
    )
  }
  return files
}

async function run(
  program: string,
  objects: readonly { readonly notes: Buffer; readonly data: Buffer | undefined }[],
): Promise<GcovFile[]> {
  const work = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-gcov-'))
  try {
    for (const [index, { notes, data }] of objects.entries()) {
      writeFileSync(path.join(work, `${index}.gcno`), notes)
      if (data) writeFileSync(path.join(work, `${index}.gcda`), data)
    }
    const names = objects.map((_, index) => `${index}.gcno`)
    const options = ['--json-format', '--stdout', '--branch-probabilities']
    const { stdout } = await runToolOrFail(program, [...options, ...names], { cwd: work, timeout: LIMIT })
    const documents = stdout.split('\n').filter(line => line.startsWith('{'))
    return documents.flatMap(line => v.parse(said, JSON.parse(line)).files)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** By the place of the object; by the time of the compilation, as other folders may have such an object. */
function belong({ name, data }: DataFile, object: string, notes: Buffer): boolean {
  return `/${name}`.endsWith(`/${object.replace(/gcno$/, 'gcda')}`) && stampOf(data) === stampOf(notes)
}

/** When the object was compiled, the same in notes and data: the third word. */
function stampOf(file: Buffer): number {
  return file.length >= 3 * WORD ? file.readUInt32LE(2 * WORD) : -1
}
