// SPDX-License-Identifier: MIT
/** What has changed in a family of generic netlink, as nlctrl tells it. */
import type { VisibleFamily } from '../../../guest/testing/registration.ts'
import { attributeText } from '../../../guest/ynl/describe.ts'
import type { AttributeFacts, OperationFacts, PolicyFacts } from '../../../guest/ynl/facts.ts'
import { type Change, changed, paired, withRenamed } from './changes.ts'

/** Both versions of what is looked at. */
interface Versions<T> {
  readonly was: T
  readonly is: T
}

/** A change of an attribute in one kind of request of an operation. */
interface AttributeChange {
  /** `SET` or `GET dump`. */
  readonly request: string
  /** From the operation's policy to the attribute. */
  readonly path: readonly string[]
  readonly was: string | undefined
  readonly is: string | undefined
}

/** @param was may have names of operations and attributes, as `is` has */
export function familyChanges(was: VisibleFamily, is: VisibleFamily): Change[] {
  const about = (what: string) => `${is.name}: ${what}`
  const numbers = (what: string, before: number, after: number) =>
    changed('family', about(what), `${before}`, `${after}`)
  const groups = withRenamed(paired(was.groups, is.groups, name => name))
  const operations = paired(was.operations, is.operations, ({ number }) => `${number}`)
  return [
    ...numbers('version', was.version, is.version),
    ...numbers('bytes of its own header', was.headerSize, is.headerSize),
    ...numbers('highest attribute (maxattr)', was.maximumAttribute, is.maximumAttribute),
    ...groups.renamed.flatMap(names => changed('family', about('the name of a group'), ...names)),
    ...groups.gone.flatMap(name => changed('family', about(`group ${name}`), 'there', undefined)),
    ...groups.fresh.flatMap(name => changed('family', about(`group ${name}`), undefined, 'there')),
    ...operations.gone.flatMap(each =>
      changed('family', about(operationName(each)), operationText(each), undefined),
    ),
    ...operations.fresh.flatMap(each =>
      changed('family', about(operationName(each)), undefined, operationText(each)),
    ),
    ...operations.both.flatMap(([before, after]) => operationChanges(before, after, about)),
    ...attributeChanges(was, is, operations.both, about),
  ]
}

const privileges = {
  none: 'anybody',
  admin: 'CAP_NET_ADMIN',
  'namespace admin': "CAP_NET_ADMIN in the network namespace's user namespace",
} as const satisfies Record<OperationFacts['privilege'], string>

function operationName({ number, name }: Pick<OperationFacts, 'number' | 'name'>): string {
  return `operation ${name ?? number}`
}

function operationText({ privilege, ...kinds }: OperationFacts): string {
  const requests = (['do', 'dump'] as const).filter(kind => kinds[kind])
  return `${requests.join(' and ') || 'no request'}, by ${privileges[privilege]}`
}

function operationChanges(
  was: OperationFacts,
  is: OperationFacts,
  about: (what: string) => string,
): Change[] {
  const name = operationName({ ...was, ...is })
  const [before, after] = [privileges[was.privilege], privileges[is.privilege]]
  const text =
    was.privilege === 'none'
      ? `${name} now needs ${after}`
      : is.privilege === 'none'
        ? `${name} no longer needs ${before}`
        : `${name} needed ${before} and now needs ${after}`
  return [
    ...changed('family', about(`${name}, privilege`), before, after, { text: about(text) }),
    ...(['do', 'dump'] as const).flatMap(kind =>
      changed('family', about(`${name}, ${kind}`), kindText(was, kind), kindText(is, kind), {
        text: about(`${name} ${is[kind] ? 'now answers' : 'no longer answers'} ${requestsOf[kind]}`),
      }),
    ),
  ]
}

const requestsOf = { do: 'single requests (do)', dump: 'dumps' } as const

function kindText(operation: OperationFacts, kind: 'do' | 'dump'): string | undefined {
  return operation[kind] && 'there'
}

/** One that several requests have in common is told once. */
function attributeChanges(
  was: VisibleFamily,
  is: VisibleFamily,
  operations: readonly (readonly [OperationFacts, OperationFacts])[],
  about: (what: string) => string,
): Change[] {
  const found: AttributeChange[] = []
  let withPolicy = 0
  for (const [before, after] of operations)
    for (const kind of ['do', 'dump'] as const) {
      const [one, other] = [before[kind], after[kind]]
      if (!one || !other) continue
      if (one.policy !== undefined && other.policy !== undefined) withPolicy++
      const name = after.name ?? before.name ?? `${after.number}`
      const request = kind === 'do' ? name : `${name} dump`
      if ((one.policy === undefined) !== (other.policy === undefined)) {
        const text = (policy: number | undefined) => (policy === undefined ? 'any' : 'those of its policy')
        found.push({ request, path: [], was: text(one.policy), is: text(other.policy) })
      } else
        for (const each of policyChanges(
          { was: policyOf(was, one.policy), is: policyOf(is, other.policy) },
          { was, is },
        ))
          found.push({ request, ...each })
    }
  const together = Map.groupBy(found, ({ path, was, is }) => JSON.stringify([path, was ?? 0, is ?? 0]))
  return [...together.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return []
    const names = [first, ...others].map(({ request }) => request)
    const of =
      names.length === withPolicy && withPolicy > 1
        ? ''
        : ` of operation${others.length > 0 ? 's' : ''} ${names.join(', ')}`
    const what = first.path.length === 0 ? 'attributes' : `attribute ${first.path.join(' > ')}`
    return changed('family', about(`${what}${of}`), first.was, first.is)
  })
}

function policyOf({ policies }: VisibleFamily, number: number | undefined): PolicyFacts | undefined {
  if (number === undefined) return undefined
  // One that takes nothing is told by its number alone.
  return policies.find(policy => policy.number === number) ?? { number, attributes: [] }
}

/** @param seen pairs of policies above: a nest may have the policy that it is in */
function policyChanges(
  policies: Versions<PolicyFacts | undefined>,
  families: Versions<VisibleFamily>,
  path: readonly string[] = [],
  seen: ReadonlySet<string> = new Set(),
): Omit<AttributeChange, 'request'>[] {
  const key = `${policies.was?.number} ${policies.is?.number}`
  if (seen.has(key)) return []
  const above = new Set([...seen, key])
  const { gone, fresh, both } = paired(
    policies.was?.attributes ?? [],
    policies.is?.attributes ?? [],
    ({ value }) => `${value}`,
  )
  const to = ({ name, value }: AttributeFacts) => [...path, name ?? `${value}`]
  return [
    ...gone.map(each => ({ path: to(each), was: attributeText(each), is: undefined })),
    ...fresh.map(each => ({ path: to(each), was: undefined, is: attributeText(each) })),
    ...both.flatMap(([was, is]) => {
      const place = to({ ...was, ...is })
      const [before, after] = [attributeText(was), attributeText(is)]
      if (before !== after) return [{ path: place, was: before, is: after }]
      const inner = { was: policyOf(families.was, was.policy), is: policyOf(families.is, is.policy) }
      if ((inner.was === undefined) !== (inner.is === undefined)) {
        const text = (policy: PolicyFacts | undefined) =>
          policy ? 'a nest with a policy' : 'a nest without a policy'
        return [{ path: place, was: text(inner.was), is: text(inner.is) }]
      }
      return policyChanges(inner, families, place, above)
    }),
  ]
}
