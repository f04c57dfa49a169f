// SPDX-License-Identifier: MIT
/** What has changed in what a module does when it is loaded and unloaded. */
import type {
  Appearance,
  RegisteredLinkKind,
  Registration,
  UnknownRequest,
  VisibleFile,
  VisibleRecord,
} from '../../../guest/testing/registration.ts'
import type { FindingKind } from '../finding.ts'
import { levelName } from '../log-levels.ts'
import { type Change, changed, paired, unequal, withoutAddresses } from './changes.ts'

export function loadingChanges(module: string, was: Registration, is: Registration): Change[] {
  const outcome = [outcomeOf(was), outcomeOf(is)] as const
  const told = changed('module', `${module}: loading`, ...outcome, {
    text:
      outcome[1] === undefined
        ? `${module} loads now; it did not: ${outcome[0]}`
        : `${module} does not load: ${outcome[1]}${outcome[0] === undefined ? '' : `; before: ${outcome[0]}`}`,
  })
  // Of a module that is not loaded nothing else is known.
  if (outcome[0] !== undefined || outcome[1] !== undefined) return told
  const about = (what: string) => `${module}: ${what}`
  const list = (kind: FindingKind, what: string, before: readonly string[], after: readonly string[]) =>
    existence(kind, name => about(`${what} ${name}`), before, after)
  const numbers = (registration: Registration) => registration.protocols.map(({ number }) => `${number}`)
  return [
    ...list('module', 'netlink protocol', numbers(was), numbers(is)),
    ...refusalChanges(was, is, about),
    ...list('file', 'device', was.devices, is.devices),
    ...list('module', 'kind of link', was.linkKinds.map(kindOfLink), is.linkKinds.map(kindOfLink)),
    ...changed('module', about('unloading'), was.staysLoaded, is.staysLoaded, {
      text: about(
        is.staysLoaded === undefined
          ? `it can now be unloaded; before: ${was.staysLoaded}`
          : `it refuses to be unloaded: ${is.staysLoaded}`,
      ),
    }),
    ...list('leak', 'after it is unloaded there is still', was.leftovers, is.leftovers),
    ...appearanceChanges(module, was.appearance, is.appearance),
  ]
}

/** A kind of links, and what a link of it takes. */
function kindOfLink({ kind, isUpper, refusal }: RegisteredLinkKind): string {
  return `${kind}${isUpper ? ' over another' : ''}${refusal === undefined ? '' : ` (by name alone: ${refusal})`}`
}

/** Of requests that nobody can know. */
function refusalChanges(was: Registration, is: Registration, about: (what: string) => string): Change[] {
  const text = ({ refusal, otherwise = 'answered in another way' }: UnknownRequest) =>
    refusal === undefined ? otherwise : `refused by ${refusal}`
  const protocols = paired(was.protocols, is.protocols, ({ number }) => `${number}`).both
  const families = paired(was.families, is.families, ({ name }) => name).both
  return [
    ...protocols.flatMap(([before, after]) =>
      changed(
        'behaviour',
        about(`netlink protocol ${after.number}, a request of an unknown type`),
        text(before.unknown),
        text(after.unknown),
      ),
    ),
    ...families.flatMap(([before, after]) =>
      changed('behaviour', `${after.name}: an unknown operation`, text(before.unknown), text(after.unknown)),
    ),
  ]
}

/** What the kernel allows on protocols of netlink. */
function busChanges(was: Appearance, is: Appearance, about: (what: string) => string): Change[] {
  return paired(was.buses, is.buses, ({ protocol }) => `${protocol}`).both.flatMap(([before, after]) => {
    const name = `netlink protocol ${after.protocol}`
    const rights = [
      ['nonrootReceive', 'join its groups', 'joining its groups'],
      ['nonrootSend', 'send to other users', 'sending to other users'],
    ] as const
    return [
      ...changed('module', about(`${name}, highest group`), `${before.groups}`, `${after.groups}`),
      ...rights.flatMap(([right, may, needs]) => {
        const who = (bus: typeof before) => (bus[right] ? 'anybody' : 'CAP_NET_ADMIN')
        const text = after[right] ? `anybody may now ${may}` : `${needs} now needs CAP_NET_ADMIN`
        return changed('module', about(`${name}, ${needs}`), who(before), who(after), {
          text: about(`${name}: ${text}`),
        })
      }),
    ]
  })
}

/** Why it does not load, if it does not. */
export function outcomeOf({ unknown, refused }: Registration): string | undefined {
  return unknown ?? refused?.code
}

function appearanceChanges(
  module: string,
  was: Appearance | undefined,
  is: Appearance | undefined,
): Change[] {
  if (!was || !is) return []
  const about = (what: string) => `${module}: ${what}`
  return [
    ...changed('module', about('loading it again'), was.refusedAgain, is.refusedAgain, {
      text: about(
        is.refusedAgain === undefined
          ? `it can now be loaded again; before: ${was.refusedAgain}`
          : `it cannot be loaded again after it was unloaded: ${is.refusedAgain}`,
      ),
    }),
    ...busChanges(was, is, about),
    ...existence('module', name => about(`protocol ${name}`), was.protocols, is.protocols),
    ...settingChanges('parameter', name => about(`parameter ${name}`), was.parameters, is.parameters),
    // Devices have findings of their own.
    ...settingChanges('file', name => about(name), withoutDevices(was.files), withoutDevices(is.files)),
    ...recordChanges(name => about(name), 'load', was.loading, is.loading),
    ...recordChanges(name => about(name), 'unload', was.unloading, is.unloading),
  ]
}

function existence(
  kind: FindingKind,
  about: (name: string) => string,
  was: readonly string[],
  is: readonly string[],
): Change[] {
  const { gone, fresh } = paired(was, is, name => name)
  return [
    ...gone.flatMap(name => changed(kind, about(name), 'there', undefined)),
    ...fresh.flatMap(name => changed(kind, about(name), undefined, 'there')),
  ]
}

/** `/sys/class/CLASS/DEVICE` itself; what is in it stays. */
function withoutDevices(files: readonly VisibleFile[]): VisibleFile[] {
  return files.filter(({ name }) => !/^\/sys\/class\/[^/]+\/[^/]+$/.test(name))
}

/** Parameters, and files with or without values. */
function settingChanges(
  kind: 'parameter' | 'file',
  about: (name: string) => string,
  was: readonly VisibleFile[],
  is: readonly VisibleFile[],
): Change[] {
  const text = ({ mode, value }: VisibleFile) =>
    [
      ...(value === undefined ? [] : [`default ${shown(value)}`]),
      ...(mode === '' ? [] : [`mode 0${mode}`]),
    ].join(', ') || 'there'
  const matters = (name: string) => !name.startsWith('/sys/kernel/debug/')
  const { gone, fresh, both } = paired(was, is, ({ name }) => name)
  return [
    ...gone.flatMap(each =>
      changed(kind, about(each.name), text(each), undefined, { matters: matters(each.name) }),
    ),
    ...fresh.flatMap(each =>
      changed(kind, about(each.name), undefined, text(each), { matters: matters(each.name) }),
    ),
    ...both.flatMap(([before, after]) => {
      const name = about(after.name)
      const known = before.value !== undefined && after.value !== undefined
      return [
        ...(known ? changed(kind, `${name}, default`, shown(before.value), shown(after.value)) : []),
        ...changed(kind, `${name}, mode`, `0${before.mode}`, `0${after.mode}`, {
          matters: matters(after.name),
        }),
      ]
    }),
  ]
}

function shown(value: string): string {
  return value === '' ? 'empty' : value
}

function recordChanges(
  about: (what: string) => string,
  when: 'load' | 'unload',
  was: readonly VisibleRecord[],
  is: readonly VisibleRecord[],
): Change[] {
  const text = (record: VisibleRecord) => withoutAddresses(record.text)
  const { gone, fresh } = unequal(was, is, record => `${record.level} ${text(record)}`)
  const releveled = paired(gone, fresh, text)
  // The same words with other numbers.
  const reworded = paired(releveled.gone, releveled.fresh, record => text(record).replace(/\d+/g, '…'))
  const named = (record: VisibleRecord) => about(`log on ${when}: '${text(record)}'`)
  const [only, ...more] = reworded.gone
  const [instead, ...others] = reworded.fresh
  const isOnly = more.length + others.length === 0 && only !== undefined && only.level === instead?.level
  const left = isOnly ? { gone: [], fresh: [], both: [...reworded.both, [only, instead] as const] } : reworded
  return [
    ...left.gone.flatMap(each => changed('log', named(each), levelOf(each), undefined)),
    ...left.fresh.flatMap(each => changed('log', named(each), undefined, levelOf(each))),
    ...left.both.flatMap(([before, after]) => {
      const shown = (record: VisibleRecord) =>
        `'${text(record)}'${before.level === after.level ? '' : `, ${levelOf(record)}`}`
      return changed('log', about(`log on ${when}`), shown(before), shown(after))
    }),
    ...releveled.both.flatMap(([before, after]) =>
      changed('log', named(after), levelOf(before), levelOf(after)),
    ),
  ]
}

function levelOf({ level }: VisibleRecord): string {
  return `level ${levelName(level)}`
}
