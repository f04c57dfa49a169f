// SPDX-License-Identifier: MIT
/**
 * A program for `init`, `probe` and `compare`: loads and unloads each module under test, and prints what it
 * registers meanwhile, a line of JSON (a {@link Registration}) for each. The line before it, from when the module is
 * loaded, says that it is unknown whether it unloads. Arguments: the modules' names; before them {@link closely}, if
 * their appearance is wanted.
 */
import { readdirSync, readFileSync, writeSync } from 'node:fs'
import os from 'node:os'
import { mountDebugfs } from '../agent/leaks.ts'
import {
  encodeGenericHeader,
  encodeMessage,
  errnoName,
  GenericFamilies,
  isAnswer,
  KernelError,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_REQUEST,
  parseAnswer,
  rtnetlink,
  Socket,
  SystemCallError,
} from '../netlink/index.ts'
import { factsIn } from '../ynl/facts.ts'
import {
  agreed,
  entries,
  newFiles,
  protocolNames,
  visibleFiles,
  visibleParameters,
  visibleRecords,
} from './appearance.ts'
import { visibleBus } from './bus.ts'
import { KernelLog } from './kernel-log.ts'
import { loadModule, loadNeeded, ModuleError, moduleReferences, unloadModule } from './modules.ts'
import {
  type Appearance,
  closely,
  nothingRegistered,
  type RegisteredFamily,
  type RegisteredLinkKind,
  type Registration,
  type UnknownRequest,
  type VisibleFamily,
  type VisibleRecord,
} from './registration.ts'
import { refusal, wire } from './wire.ts'

/** What can be looked at from outside. */
interface Surroundings {
  readonly families: ReadonlyMap<string, Awaited<ReturnType<GenericFamilies['list']>>[number]>
  readonly protocols: ReadonlySet<number>
  readonly devices: ReadonlySet<string>
}

async function look(): Promise<Surroundings> {
  using families = GenericFamilies.open()
  const classes = readdirSync('/sys/class')
  return {
    families: new Map((await families.list()).map(family => [family.name, family])),
    protocols: kernelSockets(netlinkTable()),
    devices: new Set(classes.flatMap(name => entries(`/sys/class/${name}`).map(each => `${name}/${each}`))),
  }
}

function netlinkTable(): string {
  return readFileSync('/proc/net/netlink', 'utf8')
}

/** The protocols with a socket of the kernel, whose port id is 0: netlink_seq_show() of af_netlink.c. */
function kernelSockets(table: string): Set<number> {
  const rows = table.split('\n').slice(1)
  const sockets = rows.map(row => row.trim().split(/\s+/).map(Number))
  return new Set(
    sockets.flatMap(([, protocol, port]) => (port === 0 && protocol !== undefined ? protocol : [])),
  )
}

async function registrationOf(
  module: string,
  underTest: readonly string[],
  appears: boolean,
): Promise<Registration> {
  const nothing = nothingRegistered(module)
  try {
    const needed = loadNeeded(module)
    const needs = underTest.filter(name => needed.includes(name))
    const before = await look()
    const seen = appears ? await appearanceOf(module) : undefined
    if (!seen) loadModule(module)
    const during = await look()
    const families = [...during.families.values()].filter(({ name }) => !before.families.has(name))
    const protocols = [...during.protocols].filter(number => !before.protocols.has(number))
    const found = {
      ...nothing,
      needs,
      references: moduleReferences(module) ?? 0,
      families: families.map(registeredFamily),
      protocols: protocols.map(number => ({ number, unknown: unknownType(number) })),
      devices: [...during.devices].filter(device => !before.devices.has(device)),
      linkKinds: await linkKinds(module),
      parameters: entries(`/sys/module/${module}/parameters`),
    }
    // It may be the last thing that is heard of it.
    tell({ ...found, unknown: 'it was loaded, and did not come back from its exit function' })
    const unloaded = unload(module)
    const appearance = seen && { ...seen, unloading: unloaded.log }
    if (unloaded.refused !== undefined)
      return { ...found, staysLoaded: unloaded.refused, ...(appearance && { appearance }) }
    const after = leftovers(before, await look())
    if (!appearance) return { ...found, leftovers: after, releases: unloadAll(needs) }
    const files = visibleFiles()
    // Devices have been told; what has come since it was loaded is of others.
    const left = appearance.files
      .filter(({ name }) => files.has(name) && !name.startsWith('/sys/class/'))
      .map(({ name }) => `the file ${name}`)
    const again = await secondAppearance(module, appearance, files)
    return { ...found, leftovers: [...after, ...left], releases: unloadAll(needs), appearance: again }
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error
    const { code, message } = error
    const [, by] = /^(\w+), which \S+ needs: /.exec(message) ?? []
    return { ...nothing, refused: { code, message, ...(by !== undefined && { by }) } }
  }
}

/** Unloads a module. @returns the errno if it refuses, and what is logged meanwhile */
function unload(module: string): { readonly refused?: string; readonly log: readonly VisibleRecord[] } {
  using log = KernelLog.fromNow()
  try {
    unloadModule(module)
    return { log: recordsOf(log) }
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error
    return { refused: error.code, log: recordsOf(log) }
  }
}

/** Loads a module and looks at it closely. @param before the files that are there without it */
async function appearanceOf(
  module: string,
  before: ReadonlySet<string> = visibleFiles(),
): Promise<Appearance> {
  const protocols = new Set(protocolNames())
  const sockets = kernelSockets(netlinkTable())
  using families = GenericFamilies.open()
  const known = new Set((await families.list()).map(({ name }) => name))
  using log = KernelLog.fromNow()
  loadModule(module)
  const loading = recordsOf(log)
  const own = (await families.list()).filter(({ name }) => !known.has(name))
  const visible: VisibleFamily[] = []
  for (const family of own.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    visible.push({ ...(await factsIn(families, family)), maximumAttribute: family.maximumAttribute })
  const buses = [...kernelSockets(netlinkTable())].filter(number => !sockets.has(number))
  return {
    families: visible,
    buses: buses.sort((a, b) => a - b).map(visibleBus),
    parameters: visibleParameters(module),
    files: newFiles(before, visibleFiles()),
    protocols: protocolNames().filter(name => !protocols.has(name)),
    loading,
    unloading: [],
  }
}

/** Loads and unloads a module once more: what differs from the first time tells nothing of it. */
async function secondAppearance(
  module: string,
  first: Appearance,
  before: ReadonlySet<string>,
): Promise<Appearance> {
  try {
    const second = await appearanceOf(module, before)
    // What is left of the first time is not new.
    const left = first.files.filter(({ name }) => before.has(name))
    return agreed(first, { ...second, files: [...second.files, ...left], unloading: unload(module).log })
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error
    return { ...first, refusedAgain: error.code }
  }
}

function recordsOf(log: KernelLog): VisibleRecord[] {
  try {
    return visibleRecords(log.read())
  } catch {
    return [{ level: 0, text: 'more than the kernel log holds' }]
  }
}

function registeredFamily(family: Awaited<ReturnType<GenericFamilies['list']>>[number]): RegisteredFamily {
  const { id, name, version, headerSize } = family
  const operations = family.operations.map(operation => operation.id).sort((a, b) => a - b)
  const number =
    Array.from({ length: 256 }, (_, index) => 255 - index).find(it => !operations.includes(it)) ?? 255
  const header = Buffer.concat([encodeGenericHeader({ command: number, version }), Buffer.alloc(headerSize)])
  const unknown = { number, ...refused(NETLINK_GENERIC, id, header) }
  return { name, version, headerSize, operations, groups: [...family.groups.keys()], unknown }
}

/** Message types above the last one that a table of handlers is likely to have. */
const UNKNOWN_TYPE = 0x7fff

function unknownType(protocol: number): UnknownRequest {
  return { number: UNKNOWN_TYPE, ...refused(protocol, UNKNOWN_TYPE, Buffer.alloc(0)) }
}

/** What comes of a request: the errno of its refusal, if that is all. */
function refused(protocol: number, type: number, payload: Uint8Array): Omit<UnknownRequest, 'number'> {
  using socket = Socket.open(protocol, { extendedAck: false })
  const request = encodeMessage({ type, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 1 }, payload)
  try {
    socket.send(request)
    const [answer, ...more] = socket.receiveReady()
    if (!answer) return { otherwise: 'not answered' }
    if (more.length > 0) return { otherwise: `answered by ${more.length + 1} datagrams` }
    const [message] = answer.messages()
    if (!message || !isAnswer(message)) return { otherwise: 'answered by no error' }
    const { errno } = parseAnswer(message)
    if (errno === 0) return { otherwise: 'acknowledged' }
    const code = errnoName(errno)
    const expected = refusal(request, socket, code)
    return JSON.stringify(wire(answer)) === JSON.stringify(expected)
      ? { refusal: code }
      : { otherwise: `refused by another ${code} than the kernel's` }
  } catch (error) {
    // It refuses messages by other means, or answers with what is none.
    return {
      otherwise:
        error instanceof SystemCallError ? `refused by send: ${error.code}` : 'answered by no message',
    }
  }
}

/** The kinds that a module names by MODULE_ALIAS_RTNL_LINK, and that the kernel knows by it. */
async function linkKinds(module: string): Promise<RegisteredLinkKind[]> {
  const aliases = readFileSync(`/lib/modules/${os.release()}/modules.alias`, 'utf8')
  const kinds = [...aliases.matchAll(/^alias rtnl-link-(\S+) (\S+)$/gm)]
    .filter(([, , name]) => name === module)
    .map(([, kind = '']) => kind)
  if (kinds.length === 0) return []
  using socket = Socket.open(NETLINK_ROUTE)
  const found: RegisteredLinkKind[] = []
  for (const kind of kinds) {
    const refusal = await refusedLink(socket, { linkinfo: { kind } })
    // rtnl_newlink(): "Unknown device type", so that the alias is all there is.
    if (refusal === 'EOPNOTSUPP') continue
    const isUpper = refusal !== undefined && (await isMadeOverAnother(socket, kind))
    found.push({ kind, isUpper, ...(refusal !== undefined && !isUpper && { refusal }) })
  }
  return found
}

/** Makes and deletes a link. @returns the errno of the refusal; undefined if there was none */
async function refusedLink(socket: Socket, attributes: rtnetlink.NewLink): Promise<string | undefined> {
  const ifname = 'init0'
  try {
    await rtnetlink.createLink(socket, { ...attributes, ifname })
    await rtnetlink.deleteLink(socket, ifname)
    return undefined
  } catch (error) {
    if (error instanceof KernelError) return error.code
    throw error
  }
}

async function isMadeOverAnother(socket: Socket, kind: string): Promise<boolean> {
  const ifname = 'below0'
  // Not a dummy: loading that module makes a link of its own, which stays.
  await rtnetlink.createLink(socket, { ifname, linkinfo: { kind: 'veth' } })
  const { header } = await rtnetlink.getLink(socket, ifname)
  const refusal = await refusedLink(socket, { link: header.index, linkinfo: { kind } })
  await rtnetlink.deleteLink(socket, ifname)
  return refusal === undefined
}

function leftovers(before: Surroundings, after: Surroundings): string[] {
  const families = [...after.families.keys()].filter(name => !before.families.has(name))
  const protocols = [...after.protocols].filter(number => !before.protocols.has(number))
  const devices = [...after.devices].filter(device => !before.devices.has(device))
  return [
    ...families.map(name => `the generic netlink family ${name}`),
    ...protocols.map(number => `the netlink protocol ${number}`),
    ...devices.map(device => `the device ${device}`),
  ]
}

/** Unloads whatever of these is loaded and can be unloaded, users before what they use. @returns their order */
function unloadAll(modules: readonly string[]): string[] {
  const unloaded: string[] = []
  const loaded = () => modules.filter(name => moduleReferences(name) !== undefined)
  for (let left = loaded(), count = 0; left.length !== count; left = loaded()) {
    count = left.length
    for (const name of left) {
      try {
        unloadModule(name)
        unloaded.push(name)
      } catch (error) {
        if (!(error instanceof ModuleError)) throw error
      }
    }
  }
  return unloaded
}

async function main(given: readonly string[]): Promise<void> {
  const appears = given[0] === closely
  const modules = appears ? given.slice(1) : given
  if (appears) mountDebugfs()
  for (const module of modules) {
    unloadAll(modules)
    tell(await registrationOf(module, modules, appears))
  }
}

/** At once, because the next step may end the machine. */
function tell(registration: Registration): void {
  writeSync(1, `${JSON.stringify(registration)}\n`)
}

void main(process.argv.slice(2))
