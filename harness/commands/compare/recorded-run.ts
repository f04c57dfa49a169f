// SPDX-License-Identifier: MIT
/** Runs test files of two sides in one Vitest, in any order, and hands back what they did. */
import { Writable } from 'node:stream'
import { createVitest, type Reporter, type TestSpecification, type Vitest } from 'vitest/node'
import { messageOf, UsageError } from '../../base/errors.ts'
import type { Side, Unit } from '../../compare/comparison.ts'
import type { RecordedFile } from '../../compare/recorded.ts'
import type { FileRecorder } from '../../compare/recorder.ts'
import { isPrepared, type KernelOfRun } from '../../prepare/matrix.ts'
import { guestsAtOnce } from '../../prepare/prepare.ts'
import { kernelProject, type ProjectOptions } from '../../prepare/project.ts'
import type { Settings } from '../../prepare/settings.ts'
import type { VitestOptions } from '../vitest-command.ts'
import { sideVariable } from './files-of-sides.ts'

/** A side with its kernels. */
export interface ReadySide {
  readonly side: Side
  readonly root: string
  readonly settings: Settings
  readonly kernels: readonly KernelOfRun[]
  /** By kernel. */
  readonly recorders: ReadonlyMap<string, FileRecorder>
}

/** What is asked of Vitest. */
export interface RunPlan {
  readonly filters: string[]
  readonly project: ProjectOptions
  readonly vitest: VitestOptions
}

/** A file of a side. */
export interface Wanted {
  readonly unit: Unit
  readonly side: Side
}

/** What a file did. */
export interface Ran extends Wanted {
  readonly recorded: RecordedFile
}

/** A file whose guest the machinery has lost each time. */
export interface Lost extends Wanted {
  readonly reason: string
}

export interface Outcomes {
  readonly ran: readonly Ran[]
  readonly lost: readonly Lost[]
}

/** Attempts of a file whose guest the machinery loses. */
const ATTEMPTS = 3

const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() })

/** Vitest with a project for each kernel of each side. */
export class RecordedRuns implements AsyncDisposable {
  readonly #vitest: Vitest
  readonly #sides: readonly ReadySide[]
  readonly #specifications: readonly TestSpecification[]

  private constructor(vitest: Vitest, sides: readonly ReadySide[], specifications: TestSpecification[]) {
    this.#vitest = vitest
    this.#sides = sides
    this.#specifications = specifications
  }

  /** @throws UsageError for what Vitest refuses */
  static async open(
    sides: readonly ReadySide[],
    { filters, project, vitest: given }: RunPlan,
  ): Promise<RecordedRuns> {
    const prepared = sides.flatMap(({ kernels }) => kernels.filter(isPrepared))
    const atOnce = guestsAtOnce(Math.max(...prepared.map(({ spec }) => spec.machine.memory)))
    const projects = sides.flatMap(({ side, root, settings, kernels }) =>
      kernels.map(kernel =>
        kernelProject(
          { ...kernel, label: projectName(side, kernel.label) },
          {
            ...{ settings, root, atOnce, lanes: undefined },
            options: { ...project, env: { ...project.env, [sideVariable]: side } },
          },
        ),
      ),
    )
    const [{ root }] = sides as [ReadySide]
    try {
      const vitest = await createVitest(
        'test',
        {
          ...given,
          root,
          config: false,
          watch: false,
          // Snapshots are compared, and never written.
          update: 'none' as never,
          projects,
          reporters: [foresight(sides)],
          passWithNoTests: true,
        },
        {},
        { stdout: nowhere(), stderr: nowhere() },
      )
      await vitest.standalone()
      return new RecordedRuns(vitest, sides, await vitest.globTestSpecifications(filters))
    } catch (error) {
      throw new UsageError(`Vitest refuses that: ${messageOf(error)}`, { cause: error })
    }
  }

  /** The test files of a side. */
  files(side: Side): Unit[] {
    return this.#of(side).map(each => this.#unitOf(each))
  }

  /** Runs these files of these sides, on all cores; again, where the machinery loses a guest. */
  run(wanted: readonly Wanted[]): Promise<Outcomes> {
    return inAttempts(wanted, each => this.#runOnce(each))
  }

  async #runOnce(wanted: readonly Wanted[]): Promise<(Ran | Lost)[]> {
    const keys = new Set(wanted.map(({ side, unit }) => keyOf(side, unit)))
    const chosen = this.#specifications.filter(each => {
      const side = sideOf(each)
      return keys.has(keyOf(side, this.#unitOf(each)))
    })
    if (chosen.length === 0) return []
    const { testModules } = await this.#vitest.runTestSpecifications([...chosen])
    const names = new Set(chosen.map(({ project, moduleId }) => `${project.name} ${moduleId}`))
    return testModules
      .filter(({ project, moduleId }) => names.has(`${project.name} ${moduleId}`))
      .flatMap((module): (Ran | Lost)[] => {
        const { side, kernel } = partsOf(module.project.name)
        const recorder = this.#sides.find(each => each.side === side)?.recorders.get(kernel)
        const unit = { kernel, file: module.relativeModuleId }
        const taken = recorder?.take(module)
        if (!taken) return []
        return 'lost' in taken ? [{ unit, side, reason: taken.lost }] : [{ unit, side, recorded: taken }]
      })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vitest.close()
    const prepared = this.#sides.flatMap(({ kernels }) => kernels.filter(isPrepared))
    await Promise.all(prepared.map(({ guests }) => guests.close()))
    // Vitest sets it for failed tests, which are no failure here.
    process.exitCode = undefined
  }

  #of(side: Side): TestSpecification[] {
    return this.#specifications.filter(each => sideOf(each) === side)
  }

  #unitOf({ project, moduleId }: TestSpecification): Unit {
    const { config, name } = project
    return { kernel: partsOf(name).kernel, file: moduleId.slice(config.root.length + 1) }
  }
}

/** Repeats what the machinery loses. */
export async function inAttempts(
  wanted: readonly Wanted[],
  run: (wanted: readonly Wanted[]) => Promise<readonly (Ran | Lost)[]>,
): Promise<Outcomes> {
  const ran: Ran[] = []
  let lost: Lost[] = []
  for (let attempt = 0; attempt === 0 || (attempt < ATTEMPTS && lost.length > 0); attempt++) {
    const outcomes = await run(attempt === 0 ? wanted : lost)
    ran.push(...outcomes.filter(each => 'recorded' in each))
    lost = outcomes.filter((each): each is Lost => !('recorded' in each))
  }
  return { ran, lost }
}

function keyOf(side: Side, { kernel, file }: Unit): string {
  return JSON.stringify([side, kernel, file])
}

function projectName(side: Side, label: string): string {
  return `${side} ${label}`
}

function partsOf(name: string): { readonly side: Side; readonly kernel: string } {
  const [side = ''] = name.split(' ', 1)
  return { side: side as Side, kernel: name.slice(side.length + 1) }
}

function sideOf({ project }: TestSpecification): Side {
  return partsOf(project.name).side
}

/** Tells each kernel's guests how many files will run. */
function foresight(sides: readonly ReadySide[]): Reporter {
  return {
    onTestRunStart(specifications) {
      for (const { side, settings, kernels } of sides)
        for (const { label, guests } of kernels.filter(isPrepared)) {
          const name = projectName(side, label)
          const { length } = specifications.filter(({ project }) => project.name === name)
          if (length > 0) guests.expect(length, settings.vm.isolate)
        }
    },
  }
}
