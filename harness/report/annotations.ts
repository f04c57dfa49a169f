// SPDX-License-Identifier: MIT
/**
 * Failures as annotations of a GitHub workflow, which its pages show beside the lines of a pull request: workflow
 * commands on stdout or stderr (docs.github.com, "Workflow commands for GitHub Actions").
 */
import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'
import type { Place } from './place.ts'
import { beginningOf, oneLine, plain } from './text.ts'

/** GitHub shows so many errors of a step. */
const MOST = 10
/** Lines and characters of a message: all of an annotation is shown. */
const LINES = 40
const CHARACTERS = 4000

/** An annotation: what, and where. */
export interface Annotation {
  readonly title: string
  readonly message: string
  readonly place: Place | undefined
  /** The kernel that it is about, if it is about one. */
  readonly kernel?: string
}

/** Whether this process is a step of a GitHub workflow. */
export function isOnGitHub(): boolean {
  return process.env.GITHUB_ACTIONS === 'true'
}

/**
 * The annotations as lines of output. What several kernels have in common is one annotation; of more than GitHub
 * shows, the first ones, and a word how many more there are.
 * @param all the worst first
 */
export function workflowCommands(all: readonly Annotation[]): string {
  const groups = [...Map.groupBy(all, ({ title, message, place }) => JSON.stringify([title, message, place]))]
  const commands = groups.slice(0, MOST).map(([, annotations]) => errorCommand(annotations))
  const more = groups.length - MOST
  if (more > 0)
    commands.push(
      command(
        'notice',
        { title: 'netlink-vmtest' },
        `${more} more ${more === 1 ? 'failure is' : 'failures are'} in the log of this step: GitHub shows ${MOST} errors`,
      ),
    )
  return commands.map(line => `${line}\n`).join('')
}

/** The errors of a compiler, at their lines; if its output has none, all of it at no line. */
export function compilerErrors(message: string, details: string | undefined, kernel?: string): Annotation[] {
  const about = kernel === undefined ? {} : { kernel }
  const errors = Array.from(
    (details ?? '').matchAll(/^([^\s:]+):(\d+):(?:(\d+):)? (?:fatal )?error: (.+)$/gm),
    ([, file = '', line, column, error = '']) => ({
      title: 'does not compile',
      message: error,
      place: {
        file: path.resolve(file),
        line: Number(line),
        ...(column === undefined ? {} : { column: Number(column) }),
      },
      ...about,
    }),
  )
  if (errors.length > 0) return errors
  return [
    {
      title: 'netlink-vmtest',
      message: [message, details].filter(Boolean).join('\n'),
      place: undefined,
      ...about,
    },
  ]
}

function errorCommand(annotations: readonly Annotation[]): string {
  const [first] = annotations as [Annotation, ...Annotation[]]
  const kernels = [...new Set(annotations.flatMap(({ kernel }) => kernel ?? []))]
  const { place } = first
  const file = place && inRepository(place.file)
  // GitHub has no page for it.
  const elsewhere = place && file === undefined ? `${inWords(place)}: ` : ''
  const title = oneLine(kernels.length === 0 ? first.title : `[${kernels.join(', ')}] ${first.title}`)
  return command(
    'error',
    {
      ...(file === undefined ? {} : { file, line: place?.line, col: place?.column }),
      title,
    },
    beginningOf(plain(elsewhere + first.message), LINES, CHARACTERS),
  )
}

/** As compilers say it. */
function inWords({ file, line, column }: Place): string {
  return [file, line, ...(column === undefined ? [] : [column])].join(':')
}

/**
 * The first place beside which GitHub can show something, else the first one at all, which is told in words.
 * @param rough says too little to be told in words
 */
export function bestPlace(places: readonly (Place | undefined)[], rough?: Place): Place | undefined {
  const known = places.filter(place => place !== undefined)
  return (
    [...known, ...(rough ? [rough] : [])].find(({ file }) => inRepository(file) !== undefined) ?? known[0]
  )
}

/** A path relative to the repository; undefined for a file elsewhere. */
function inRepository(file: string): string | undefined {
  if (!existsSync(file)) return undefined
  const real = realpathSync(file)
  const top = process.env.GITHUB_WORKSPACE || (topOf(path.dirname(real)) ?? process.cwd())
  const relative = path.relative(existsSync(top) ? realpathSync(top) : top, real)
  return relative.startsWith('..') || path.isAbsolute(relative) ? undefined : relative
}

/** The folder of the git repository, or of its worktree, that a folder is in. */
function topOf(folder: string): string | undefined {
  if (existsSync(path.join(folder, '.git'))) return folder
  const above = path.dirname(folder)
  return above === folder ? undefined : topOf(above)
}

/** As github.com/actions/toolkit escapes them (packages/core/src/command.ts). */
function command(
  name: string,
  properties: Readonly<Record<string, string | number | undefined>>,
  message: string,
): string {
  const listed = Object.entries(properties).flatMap(([key, value]) =>
    value === undefined
      ? []
      : [`${key}=${escaped(String(value)).replaceAll(':', '%3A').replaceAll(',', '%2C')}`],
  )
  return `::${name} ${listed.join(',')}::${escaped(message)}`
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
