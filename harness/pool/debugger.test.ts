// SPDX-License-Identifier: MIT
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { objectFile } from '../fixtures/object-file.ts'
import { type DebuggedGuest, Debugger, type Debugging } from './debugger.ts'

const built = mkdtempSync(path.join(tmpdir(), 'debugger-'))
afterAll(() => rmSync(built, { recursive: true }))
// As modules of 6.12 are, its data have an address.
writeFileSync(path.join(built, 'linked.o'), objectFile('int myvar = 5; int get(void) { return myvar; }'))
await execa('objcopy', ['--change-section-address', '.data=0x20', 'linked.o', 'nlexample.ko'], { cwd: built })
const symbols = { module: (name: string) => path.join(built, `${name}.ko`), vmlinux: undefined }
const stopped = {
  kernel: '0xffffffff81000000',
  modules: [
    {
      name: 'nlexample',
      sections: [
        { name: '.text', address: '0xffffffffc0000000' },
        { name: '.init.text', address: '0xffffffffc0009000' },
        { name: '.data', address: '0xffffffffc0001000' },
      ],
    },
  ],
}

/** A guest that is stopped and goes on at once, and a stub's socket that is there, or a reason why not. */
function guestWith(reason?: string): DebuggedGuest & { readonly delivered: string[] } {
  const delivered: string[] = []
  const monitor = {
    async execute(command: string, args: Readonly<Record<string, unknown>> = {}) {
      if (command !== 'human-monitor-command') return {}
      if (reason !== undefined) return reason
      const [, socket = ''] = /unix:(.*),server=on/.exec(String(args['command-line'])) ?? []
      const server = createServer().listen(socket)
      onTestFinished(() => void server.close())
      await new Promise(resolve => server.once('listening', resolve))
      return ''
    },
    once(_event: string, listener: (data: Record<string, unknown>) => void) {
      setImmediate(() => listener({}))
      return this
    },
  } as unknown as DebuggedGuest['qemu']['monitor']
  return {
    qemu: { monitor },
    delivered,
    async deliver(files) {
      delivered.push(...files.map(({ path }) => path))
    },
  }
}

/** A debugger, and the lines that it has said. */
function debuggerOf(guest: DebuggedGuest, more: Partial<Debugging> = {}) {
  const said: string[] = []
  // As gdb opens them: it may still be reading when the next one is there.
  const opened: number[] = []
  const say = (line: string) => {
    said.push(line)
    const [, place] = /(?:gdb -x |source )'?([^']*)'?$/.exec(line) ?? []
    if (place !== undefined) opened.push(openSync(place, 'r'))
  }
  onTestFinished(() => {
    for (const fd of opened) closeSync(fd)
  })
  const it = new Debugger(guest, { functions: [], folders: [], symbols, say, ...more })
  onTestFinished(() => it.close())
  const scriptSaid = (index: number) => readFileSync(opened[index] ?? -1, 'utf8')
  return { it, said, scriptSaid, script: () => /gdb -x '(.*)'/.exec(said[0] ?? '')?.[1] ?? '' }
}

test('the module that counts for coverage is not named as one under test', async () => {
  const { it, said } = debuggerOf(guestWith(), { symbols: { module: () => undefined, vmlinux: undefined } })
  await it.stopped({ ...stopped, modules: [{ name: 'netlink_vmtest_coverage', sections: [] }] })
  expect(said).toEqual([expect.stringContaining('waits for gdb, with no module under test loaded')])
})

test('a script for gdb: where sources and symbols are, the stub, and where to stop', async () => {
  const guest = guestWith()
  const { it, said, script, scriptSaid } = debuggerOf(guest, {
    functions: ['nlex_notify', 'a.c:7'],
    folders: ['/src', '/of it'],
  })
  await it.stopped(stopped)
  expect(said).toEqual([expect.stringContaining('waits for gdb, with nlexample loaded')])
  const folder = path.dirname(script())
  const addressesIn = async (file: string) =>
    (await execa('readelf', ['-SW', file])).stdout.match(/ \.data +PROGBITS +(\d+)/)?.[1]
  expect(await addressesIn(path.join(built, 'nlexample.ko'))).toBe('0000000000000020')
  expect(await addressesIn(path.join(folder, 'nlexample.ko'))).toBe('0000000000000000')
  expect(scriptSaid(0).split('\n')).toEqual([
    'set confirm off',
    'set architecture i386:x86-64',
    'directory /src',
    'directory "/of it"',
    'symbol-file',
    `add-symbol-file ${folder}/nlexample.ko -s .text 0xffffffffc0000000 -s .data 0xffffffffc0001000`,
    `target remote ${folder}/stub`,
    'set breakpoint pending on',
    'break nlex_notify',
    'break a.c:7',
    'continue',
    '',
  ])
  expect(guest.delivered).toEqual(['/run/netlink-vmtest/released'])
  expect(it.explain({ cause: 'reset', message: 'it reset' }).message).toBe(
    'it reset, or gdb has ended it (kill)',
  )
  expect(it.explain({ cause: 'panic', message: 'it died' }).message).toBe('it died')
  // To attach again would end the guest.
  expect(readFileSync(script(), 'utf8')).toBe(
    'echo The guest runs: source this again when it waits again.\\n\n',
  )
  // Again, with the same gdb.
  await it.stopped({ ...stopped, modules: [] })
  expect(said[1]).toBe(`the guest waits again, with no module under test loaded; in gdb: source ${script()}`)
  expect(scriptSaid(1)).toMatch(/^set confirm off\n/)
  expect(scriptSaid(1)).not.toMatch(/target remote|break/)
  it.close()
  expect(existsSync(script())).toBe(false)
})

test('the kernel may run elsewhere than it was linked for', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'debugger-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const vmlinux = path.join(folder, 'vmlinux')
  writeFileSync(`${vmlinux}.s`, '.text\n.globl _text\n_text: .globl _start\n_start: ret\n')
  await execa('gcc', ['-nostdlib', '-static', '-Wl,-Ttext=0x1000000', '-o', vmlinux, `${vmlinux}.s`])
  const { it, scriptSaid } = debuggerOf(guestWith(), { symbols: { ...symbols, vmlinux } })
  await it.stopped({ modules: [], kernel: '0x1200000' })
  expect(scriptSaid(0)).toContain(`symbol-file -o ${0x200000} ${vmlinux}\n`)
  await execa('strip', [vmlinux])
  const without = debuggerOf(guestWith(), { symbols: { ...symbols, vmlinux } })
  await expect(without.it.stopped(stopped)).rejects.toThrow(`${vmlinux} has no symbol _text`)
})

test('a stub that QEMU does not open', async () => {
  const { it } = debuggerOf(guestWith('UNIX socket path is too long\r\n'))
  await expect(it.stopped(stopped)).rejects.toThrow('QEMU serves no debugger: UNIX socket path is too long')
})

test('a guest that nobody lets go on is given up', async () => {
  const guest = guestWith()
  const monitor = {
    ...guest.qemu.monitor,
    once: () => monitor,
  } as unknown as DebuggedGuest['qemu']['monitor']
  const { it } = debuggerOf({ ...guest, qemu: { monitor } }, { patience: 50 })
  await expect(it.stopped({ ...stopped, modules: [] })).rejects.toThrow(
    'no debugger has let the guest go on within 0.05 s: at a terminal it waits for ever',
  )
})

test('a machine without gdb is told', async () => {
  const { it, said } = debuggerOf(guestWith())
  vi.stubEnv('PATH', built)
  onTestFinished(() => void vi.unstubAllEnvs())
  await it.stopped({ ...stopped, modules: [] })
  expect(said[0]).toBe('gdb is not on the PATH: apt-get install gdb')
  expect(said[1]).toContain('the guest waits for gdb')
})
