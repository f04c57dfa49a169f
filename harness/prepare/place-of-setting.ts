// SPDX-License-Identifier: MIT
import { type ESTree, parseAst } from 'vite'

/** A place in a file, from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/**
 * The place of a setting in a configuration's source: of its key or list entry, or of the innermost one above it
 * that is there. @returns undefined where the source computes even the outermost
 */
export function placeOfSetting(source: string, path: readonly string[]): Place | undefined {
  let program: ESTree.Program
  try {
    program = parseAst(source, { lang: 'ts' })
  } catch {
    return undefined // tsx has taken what this does not: JSX.
  }
  const exported = program.body.find(node => node.type === 'ExportDefaultDeclaration')
  let value = exported && meaningOf(exported.declaration, program)
  let found: ESTree.Node | undefined
  for (const key of path) {
    const [place, inner]: [ESTree.Node?, ESTree.Node?] = member(value, key)
    if (place === undefined) break
    found = place
    value = inner && meaningOf(inner, program)
  }
  if (found === undefined) return undefined
  const before = source.slice(0, found.start).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

/** A key of an object and its value, or an entry of a list. */
function member(value: ESTree.Node | undefined, key: string): [ESTree.Node?, ESTree.Node?] {
  if (value?.type === 'ArrayExpression') {
    const entry = value.elements.some(each => each?.type === 'SpreadElement')
      ? null
      : value.elements[Number(key)]
    return entry ? [entry, entry] : []
  }
  if (value?.type !== 'ObjectExpression') return []
  const property = value.properties.findLast(
    each => each.type === 'Property' && !each.computed && nameOf(each.key) === key,
  )
  return property?.type === 'Property' ? [property.key, property.value] : []
}

function nameOf(key: ESTree.Node): string | undefined {
  if (key.type === 'Identifier') return key.name
  return key.type === 'Literal' ? String(key.value) : undefined
}

/** More is no configuration that anybody has written: constants can go round in circles. */
const DEEPEST = 20

/** What an expression plainly stands for: the argument of defineConfig(), what a function returns, a constant. */
function meaningOf(node: ESTree.Node, program: ESTree.Program, depth = 0): ESTree.Node | undefined {
  const inner = (each: ESTree.Node | null | undefined) =>
    each && depth < DEEPEST ? meaningOf(each, program, depth + 1) : undefined
  switch (node.type) {
    case 'CallExpression':
      return node.callee.type === 'Identifier' ? inner(node.arguments[0]) : undefined
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'ParenthesizedExpression':
      return inner(node.expression)
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
    case 'FunctionDeclaration': {
      if (node.body?.type !== 'BlockStatement') return inner(node.body)
      return inner(node.body.body.findLast(each => each.type === 'ReturnStatement')?.argument)
    }
    case 'Identifier': {
      const all = program.body.flatMap(each => (each.type === 'VariableDeclaration' ? each.declarations : []))
      return inner(all.find(({ id }) => id.type === 'Identifier' && id.name === node.name)?.init)
    }
    default:
      return node
  }
}
