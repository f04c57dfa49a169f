// SPDX-License-Identifier: MIT
import { guestPaths } from '../../guest/agent/protocol.ts'
import { UsageError } from '../base/errors.ts'
import { bytes } from '../base/stock.ts'
import type { Guest } from '../guest/guest.ts'
import { runInGuest } from '../guest/guest-program.ts'

/**
 * Prints for each place whether it is a folder, its file system, the room there and its size; and the
 * available memory.
 */
const lookAround = `
grep MemAvailable /proc/meminfo
for place; do
	[ -d "$place" ] && kind=folder || kind=none
	while [ ! -d "$place" ]; do place=$(dirname -- "$place"); done
	echo "$kind $(stat -c %d "$place") $(stat -f -c '%a %S %b' "$place")"
done`

/** What the guest has at some places, and its free room. */
export interface Surroundings {
  /** Bytes. */
  readonly memory: number
  readonly places: ReadonlyMap<string, Place>
}

/** Where something is to be copied. */
export interface Place {
  readonly isFolder: boolean
  /** The number of its file system, and the bytes that it has room for. */
  readonly system: string
  readonly room: number
  /** Its files are the kernel's own: /proc, /sys. */
  readonly isKernels: boolean
}

/** Asks the guest about some places and its root. */
export async function surroundings(guest: Guest, wanted: readonly string[]): Promise<Surroundings> {
  const places = [...wanted, '/']
  const command = ['sh', '-c', lookAround, 'sh', ...places]
  const { output } = await runInGuest(guest, { command, folder: guestPaths.home, environment: {} })
  const [memory = '', ...lines] = output.trim().split('\n')
  const found = lines.map(line => {
    const [kind, system = '', blocks, size, all] = line.split(' ')
    return {
      isFolder: kind === 'folder',
      system,
      room: Number(blocks) * Number(size),
      isKernels: all === '0',
    }
  })
  return {
    memory: Number(/\d+/.exec(memory)?.[0]) * 1024,
    places: new Map(places.map((place, index) => [place, found[index] ?? unknown])),
  }
}

const unknown: Place = { isFolder: false, system: '', room: 0, isKernels: false }

/** Bytes that the guest needs besides, for pieces in transfer and for the command. */
const RESERVE = 32 * 1024 ** 2

/**
 * Refuses copies that do not fit, before they are read: a guest's files are in its memory.
 * @param memory the guest's whole memory, in MiB
 * @throws UsageError that says how much is needed
 */
export function requireRoom(
  files: readonly { readonly place: Buffer; readonly size: number }[],
  around: Surroundings,
  memory: number,
): void {
  const needed = new Map<string, { size: number; room: number }>([
    ['memory', { size: 0, room: around.memory - RESERVE }],
  ])
  const add = (key: string, room: number, size: number) => {
    const sum = needed.get(key)?.size ?? 0
    needed.set(key, { size: sum + size, room })
  }
  for (const { place, size } of files) {
    add('memory', around.memory - RESERVE, size)
    const { system, room } = systemOf(place.toString(), around)
    add(system, room, size)
  }
  for (const { size, room } of needed.values()) {
    if (size <= room) continue
    // A tmpfs may have half of the memory.
    const enough = Math.ceil((memory + (2 * (size - room)) / 1024 ** 2) / 64) * 64
    throw new UsageError(
      `the copies take ${bytes(size)}, and the guest has room for ${bytes(Math.max(0, room))}: set vm.memory to ${enough} (MiB)`,
    )
  }
}

/** Refuses copies to where only the kernel makes files. @throws UsageError that names the place */
export function requireFolders(copies: readonly { readonly place: string }[], around: Surroundings): void {
  const place = copies.map(each => each.place).find(each => systemOf(each, around).isKernels)
  if (place !== undefined)
    throw new UsageError(
      `cannot copy to ${place}: the files of that file system are the kernel's own, and it takes no others`,
    )
}

/** A place's file system: that of the nearest place that was asked about. */
function systemOf(place: string, { places }: Surroundings): Omit<Place, 'isFolder'> {
  const within = (folder: string) => place === folder || place.startsWith(folder === '/' ? '/' : `${folder}/`)
  const known = [...places].filter(([folder]) => within(folder)).toSorted(([a], [b]) => b.length - a.length)
  return known[0]?.[1] ?? { ...unknown, room: Number.POSITIVE_INFINITY }
}
