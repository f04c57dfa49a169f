// SPDX-License-Identifier: MIT
/** What BASE does, from earlier comparisons: it is compared with again and again, while HEAD changes. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { contentKey } from '../../base/cache.ts'
import { cacheRoot } from '../../base/cache-root.ts'
import { makeFolder } from '../../base/folders.ts'
import { lease } from '../../base/leases.ts'
import { ownModule } from '../../base/own-folder.ts'
import { ownVersion } from '../../base/version.ts'
import { packRecordings, unpackRecordings } from '../../compare/baseline.ts'
import { mostRecordings, type Unit } from '../../compare/comparison.ts'
import type { RecordedFile } from '../../compare/recorded.ts'
import { suitesKey } from '../../compare/sides.ts'
import { isPrepared } from '../../prepare/matrix.ts'
import { aliasesOf, identitiesOf } from './module-identities.ts'
import type { PreparedSide } from './prepared-side.ts'
import type { RunPlan } from './recorded-run.ts'

/** Sources that recordings are made by: of a checkout they may change. */
const makers = [
  ownModule('harness/compare/normal-form'),
  ownModule('harness/compare/generic-header'),
  ownModule('harness/compare/read-windows'),
  ownModule('harness/compare/recorder'),
  ownModule('harness/compare/stable-text'),
]

/** What is run: files, and how. */
export interface AskedRuns extends RunPlan {
  /** Texts of YNL specifications. */
  readonly specifications: readonly string[]
}

export class KnownRecordings {
  /** The cache entry; undefined if nothing is kept. */
  readonly #entry: string | undefined
  readonly #recordings: Map<string, { readonly unit: Unit; readonly all: RecordedFile[] }>
  #isNew = false

  private constructor(entry: string | undefined, kept: ReturnType<typeof unpackRecordings>) {
    this.#entry = entry
    this.#recordings = new Map(
      kept.map(({ kernel, file, recordings }) => [
        keyOf({ kernel, file }),
        { unit: { kernel, file }, all: [...recordings] },
      ]),
    )
  }

  /**
   * What is known of a side whose kernels, modules, suites and configuration are the same.
   * @param asked what of it is run
   */
  static async open(side: PreparedSide | undefined, asked: AskedRuns): Promise<KnownRecordings> {
    const key = side && (await keyOfSide(side, asked))
    if (key === undefined) return new KnownRecordings(undefined, [])
    // It is not pruned meanwhile.
    lease(cacheRoot(), `recordings-${key}`)
    const entry = path.join(cacheRoot(), 'recordings', key)
    return new KnownRecordings(entry, keptIn(entry))
  }

  of(unit: Unit): readonly RecordedFile[] {
    return this.#recordings.get(keyOf(unit))?.all ?? []
  }

  add(unit: Unit, recorded: RecordedFile): void {
    // A guest that was lost tells no modules, and may have been lost through no fault of theirs.
    if (recorded.modules === undefined) return
    const known = this.#recordings.get(keyOf(unit)) ?? { unit, all: [] }
    this.#recordings.set(keyOf(unit), known)
    if (known.all.length === mostRecordings) return
    known.all.push(recorded)
    this.#isNew = true
  }

  /** Keeps what was added, also if the comparison does not get to its end; a cache that cannot be written keeps nothing. */
  keep(): void {
    if (this.#entry === undefined || !this.#isNew) return
    this.#isNew = false
    // A comparison of other files may have added them meanwhile.
    for (const { kernel, file, recordings } of keptIn(this.#entry)) {
      const key = keyOf({ kernel, file })
      if (!this.#recordings.has(key))
        this.#recordings.set(key, { unit: { kernel, file }, all: [...recordings] })
    }
    const kept = [...this.#recordings.values()].map(({ unit, all }) => ({ ...unit, recordings: all }))
    const file = path.join(this.#entry, name)
    try {
      makeFolder(this.#entry)
      writeFileSync(`${file}.${process.pid}`, packRecordings(kept))
      renameSync(`${file}.${process.pid}`, file)
    } catch {
      // As without a cache.
    }
  }
}

const name = 'recordings.gz'

function keptIn(entry: string): ReturnType<typeof unpackRecordings> {
  try {
    return unpackRecordings(readFileSync(path.join(entry, name)))
  } catch {
    return [] // none, or damaged
  }
}

/** Undefined where nobody knows what the suites may read: without git, or with programs and files of the machine. */
async function keyOfSide(side: PreparedSide, asked: AskedRuns): Promise<string | undefined> {
  const { opened, settings } = side
  // A file does the same whichever others run.
  const { filters: _, ...how } = asked
  const kernels = side.kernels.filter(isPrepared)
  if (kernels.length < side.kernels.length || settings.image.programs.length > 0 || settings.files.length > 0)
    return undefined
  const suites = await suitesKey(opened).catch(() => undefined)
  if (suites === undefined) return undefined
  return contentKey([
    ...[suites, ownVersion(), JSON.stringify([how, settings.suites, opened.settings], asText)],
    ...makers.map(file => readFileSync(file)),
    ...kernels.map(({ label, delivery, guests, spec }) => {
      const { modules: _, ...identity } = guests.identity
      return JSON.stringify([
        label,
        identity,
        spec.machine.parameters,
        aliasesOf(delivery),
        [...identitiesOf(delivery)],
      ])
    }),
  ])
}

/** JSON has no regular expressions. */
function asText(_name: string, value: unknown): unknown {
  return value instanceof RegExp ? String(value) : value
}

function keyOf({ kernel, file }: Unit): string {
  return JSON.stringify([kernel, file])
}
