// SPDX-License-Identifier: MIT
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeFrame, FrameDecoder } from './frames.ts'

// Kept from before any test can replace them.
const { read, writeSync } = fs

const CLASS = '/sys/class/virtio-ports'
const LIMIT = 20_000

/**
 * One virtio-serial port. Reads by one `fs.read` that waits in libuv's thread pool, without poll or
 * non-blocking mode: blocking writes to a port that is also polled can sleep for ever (a kernel bug:
 * lmb/vimto#29, cilium/ebpf#1734), and net.Socket and tty refuse these files. Writes are synchronous: when
 * `send` returns, the bytes are in the socket to the host and survive the guest, unless that socket is full;
 * then QEMU keeps them, and the next sender waits.
 */
export class Port {
  readonly #fd: number
  #sent = 0

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Opens the port of this name. */
  static async open(name: string): Promise<Port> {
    return new Port(fs.openSync(await Port.find(name), 'r+'))
  }

  /**
   * The device of the port of this name. The driver adds ports from a work queue soon after it was loaded;
   * without udev no process can wait for that, so it is polled.
   */
  static async find(name: string): Promise<string> {
    const limit = Date.now() + LIMIT
    for (;;) {
      const device = find(name)
      if (device) return device
      if (Date.now() > limit) throw new Error(`no virtio-serial port named ${name} within ${LIMIT / 1000} s`)
      await sleep(2)
    }
  }

  /** @param encode how to encode it: a plain message may go as JSON */
  send(message: unknown, encode = encodeFrame): void {
    this.sendBytes(encode(message))
  }

  sendBytes(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.#fd, bytes, offset)
    this.#sent += bytes.length
  }

  /** Bytes sent so far. */
  get sent(): number {
    return this.#sent
  }

  /** Hands each message to `onMessage` for as long as the process lives. */
  listen(onMessage: (message: unknown) => void): void {
    const decoder = new FrameDecoder(onMessage)
    const buffer = Buffer.allocUnsafeSlow(256 * 1024)
    const next = () => read(this.#fd, buffer, 0, buffer.length, null, arrived)
    const arrived = (error: NodeJS.ErrnoException | null, count: number) => {
      if (error) throw error
      // 0 bytes: the host is not connected, or for a moment after a restore not connected again. It never
      // means that the host has ended: the host ends QEMU.
      if (count === 0) return void setTimeout(next, 1)
      decoder.push(Buffer.from(buffer.subarray(0, count)))
      next()
    }
    next()
  }
}

function find(name: string): string | undefined {
  let devices: string[]
  try {
    devices = fs.readdirSync(CLASS)
  } catch {
    return undefined
  }
  const device = devices.find(
    device => fs.readFileSync(path.join(CLASS, device, 'name'), 'utf8').trim() === name,
  )
  return device && fs.existsSync(`/dev/${device}`) ? `/dev/${device}` : undefined
}
