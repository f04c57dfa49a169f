// SPDX-License-Identifier: MIT
/** All exports of the three libraries have docstrings, which authors of tests see in their editors. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseSync } from 'vite'
import { expect, it } from 'vitest'

it.each(['netlink/index.ts', 'testing/index.ts', 'ynl/index.ts'])('of %s, everything is documented', file => {
  const exported = exportsOf(path.join(import.meta.dirname, file))
  expect([...exported].flatMap(([name, where]) => undocumented(name, where))).toEqual([])
  expect(exported.size).toBeGreaterThan(40)
})

it('tells what lacks a docstring from what has one', () => {
  const source = `
    /** Of the file. */

    export const a = 1
    /* neither */
    export interface B { c: number; /** The d. */ d: number }
    /** A class. */
    export class E {
      readonly #hidden = 1
      private kept = 2
      f = 1
      /** Two signatures have one docstring. */
      g(it: string): void
      g(it: number): void
      g(it: unknown): void {}
      get h() { return 1 }
      /** Static. */
      static i() {}
      [Symbol.dispose]() {}
    }
    /** An object. */
    export const j = { k() {}, /** An l. */ l: 1 } as const
    /** Its type has docstrings. */
    export const m: B = { c: 1, d: 2 }`
  const module = read('example.ts', source)
  expect([...module.own].flatMap(([name, where]) => undocumented(name, where))).toEqual([
    'a',
    'B',
    'B.c',
    'E.f',
    'E.h',
    'j.k',
  ])
})

/** The fields of the parser's nodes (ESTree) that are used here. */
interface Node {
  readonly type: string
  readonly start: number
  readonly [field: string]: unknown
}

/** A declaration and its statement, which the docstring is before. */
interface Declared {
  readonly module: Module
  readonly statement: Node
  readonly declaration: Node
}

/** An export of another file. */
interface Reference {
  readonly file: string
  readonly name: string
}

interface Module {
  /** All declarations, exported or not. */
  readonly own: ReadonlyMap<string, Declared>
  /** Its exports by name. */
  readonly exported: ReadonlyMap<string, Declared | Reference>
  /** The files that it exports all of, and the prefix by which: `rtnetlink.`, or none. */
  readonly whole: readonly { readonly file: string; readonly prefix: string }[]
  /** Offsets of code that directly follows a docstring. */
  readonly documented: ReadonlySet<number>
}

function read(file: string, source = readFileSync(file, 'utf8')): Module {
  const { program, comments, errors } = parseSync(file, source)
  if (errors[0]) throw new Error(`${file}: ${errors[0].message}`)
  const own = new Map<string, Declared>()
  const exported = new Map<string, Declared | Reference>()
  const whole: { file: string; prefix: string }[] = []
  const documented = comments
    .filter(({ type, value }) => type === 'Block' && value.startsWith('*'))
    .map(({ end }) => end + (/^[ \t]*\n?[ \t]*/.exec(source.slice(end))?.[0].length ?? 0))
  const module: Module = { own, exported, whole, documented: new Set(documented) }

  const statements = program.body as unknown as readonly Node[]
  const imported = new Map<string, Reference>()
  for (const statement of statements) {
    for (const name of namesOf(statement.declaration ?? statement))
      own.set(name, { module, statement, declaration: (statement.declaration ?? statement) as Node })
    if (statement.type !== 'ImportDeclaration') continue
    for (const { imported: name, local } of statement.specifiers as Record<string, unknown>[])
      imported.set(nameOf(local), { file: sourceOf(statement, file), name: nameOf(name) })
  }
  for (const statement of statements) {
    if (statement.type === 'ExportAllDeclaration')
      whole.push({
        file: sourceOf(statement, file),
        prefix: statement.exported === null ? '' : `${nameOf(statement.exported)}.`,
      })
    if (statement.type !== 'ExportNamedDeclaration') continue
    for (const name of namesOf(statement.declaration)) exported.set(name, own.get(name) as Declared)
    for (const specifier of statement.specifiers as Record<string, unknown>[]) {
      const local = nameOf(specifier.local)
      const where = statement.source
        ? { file: sourceOf(statement, file), name: local }
        : (own.get(local) ?? imported.get(local))
      if (!where) throw new Error(`${file} exports ${local}, and nobody knows where that comes from`)
      exported.set(nameOf(specifier.exported), where)
    }
  }
  return module
}

/** All exports of a file by name; members of a namespace as `rtnetlink.link`. */
function exportsOf(file: string): Map<string, Declared> {
  const { exported, whole } = read(file)
  const found = new Map<string, Declared>()
  for (const { file, prefix } of whole)
    for (const [name, where] of exportsOf(file)) found.set(prefix + name, where)
  for (const [name, where] of exported) {
    const declared = 'file' in where ? exportsOf(where.file).get(where.name) : where
    if (!declared) throw new Error(`${file} exports ${name}, which is not where it should be`)
    found.set(name, declared)
  }
  return found
}

/** The declaration and its public members, by name, if they lack a docstring. */
function undocumented(name: string, { module, statement, declaration }: Declared): string[] {
  const isDocumented = ({ start }: Node) => module.documented.has(start)
  const known = new Set<string>()
  const lacking = isDocumented(statement) ? [] : [name]
  for (const member of membersOf(declaration)) {
    const full = `${name}.${nameOf(member.key)}`
    // of overloads, and of a getter and its setter, the first
    if (known.has(full)) continue
    known.add(full)
    if (!isDocumented(member)) lacking.push(full)
  }
  return lacking
}

/**
 * The public members with names. Symbols have the language's meaning; an object with a type annotation has
 * its type's.
 */
function membersOf(declaration: Node): Node[] {
  const [declarator] = (declaration.declarations ?? []) as {
    id: { typeAnnotation: unknown }
    init: Node | null
  }[]
  const initial = declarator?.init
  const value = (initial?.type === 'TSAsExpression' ? initial.expression : initial) as Node | undefined
  const members =
    value?.type === 'ObjectExpression' && !declarator?.id.typeAnnotation
      ? value.properties
      : ['ClassDeclaration', 'TSInterfaceDeclaration'].includes(declaration.type)
        ? (declaration.body as { body: unknown }).body
        : []
  return (members as Node[]).filter(
    ({ key, computed, kind, accessibility }) =>
      (key as Node | undefined)?.type === 'Identifier' &&
      computed !== true &&
      kind !== 'constructor' &&
      accessibility !== 'private',
  )
}

/** The names that a statement declares. */
function namesOf(declaration: unknown): string[] {
  const { id, declarations } = (declaration ?? {}) as { id?: unknown; declarations?: { id: unknown }[] }
  return [id, ...(declarations ?? []).map(each => each.id)].flatMap(each => (each ? nameOf(each) : []))
}

function nameOf(identifier: unknown): string {
  return (identifier as { name?: string } | undefined)?.name ?? ''
}

function sourceOf({ source }: Node, file: string): string {
  return path.join(path.dirname(file), (source as { value: string }).value)
}
