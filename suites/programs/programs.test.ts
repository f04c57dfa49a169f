// SPDX-License-Identifier: MIT
/**
 * The documents' programs as they are run: one listens in the background, another changes. Each start is slow
 * in an emulated guest, so failures that need no module are tested on the host, in guest/programs.
 */
import {
  KernelLog,
  loadModule,
  nobody,
  RunningProgram,
  runProgram,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const listening = /listening/
/** Programs start slowly on a slow machine, and these tests do not measure time. */
const limit = 120_000
const patient = ['--timeout', '100']
const background = (command: readonly string[]) => RunningProgram.start(command, { limit })
const quiet = { status: 0, stdout: '', stderr: '' }

describe('change and event', { timeout: limit }, () => {
  beforeAll(() => loadModule('nlexample'))
  afterAll(() => unloadModule('nlexample'))

  it('what one changes the other prints, in order; who may not change has the reason, and causes no event', async () => {
    using event = background(['event', ...patient, '--count', '3'])
    await event.said(listening)
    expect(await runProgram(['change', '42'])).toEqual(quiet)
    const refused = await runProgram(['change', '7'], { user: nobody })
    expect(refused).toMatchObject({ status: 1, stdout: '' })
    expect(refused.stderr).toMatch(/^change: .*EPERM.*CAP_NET_ADMIN/)
    expect(await runProgram(['change', '4294967295'])).toEqual(quiet)
    // as in the listing, without an argument
    expect(await runProgram(['change'])).toEqual(quiet)
    expect(await event.ended).toMatchObject({
      status: 0,
      stdout: 'myvar=42\nmyvar=4294967295\nmyvar=10\n',
    })
  })

  it('event gives up at its deadline: status 1, and says so', async () => {
    const result = await runProgram(['event', '--timeout', '0.1'])
    expect(result).toMatchObject({ status: 1, stdout: '' })
    expect(result.stderr).toContain('nothing was heard within 0.1 s')
  })
})

describe('resolve, genl-change and genl-event', { timeout: limit }, () => {
  beforeAll(() => loadModule('genlexample'))
  afterAll(() => unloadModule('genlexample'))

  async function numbers(): Promise<{ family: string; group: string }> {
    const { status, stdout } = await runProgram(['resolve', 'nlex'])
    const [, family, group] = /^family-id: (\d+)\nmulticast -> id\n'example' -> (\d+)\n$/.exec(stdout) ?? []
    if (status !== 0 || family === undefined || group === undefined)
      throw new Error(`resolve nlex ended with ${status} and said: ${stdout}`)
    return { family, group }
  }

  it('what one changes the other prints, by the numbers that resolve tells', async () => {
    const { family, group } = await numbers()
    using event = background(['genl-event', ...patient, '--count', '1', group])
    await event.said(listening)
    expect(await runProgram(['genl-change', family, '0x01020304'])).toEqual(quiet)
    expect(await event.ended).toMatchObject({ status: 0, stdout: 'myvar=16909060\n' })
  })
})

describe('custom', { timeout: limit }, () => {
  beforeAll(() => loadModule('nlcustom'))
  afterAll(() => unloadModule('nlcustom'))

  it('the sender has its answer, the group is told, the text is in the log', async () => {
    using log = KernelLog.fromNow()
    using group = background(['custom', '--listen', ...patient, '--count', '1'])
    await group.said(listening)
    const answer = 'Sending message to kernel...\nReceived message: HELLO USER UNICAST FROM KERNEL\n'
    expect(await runProgram(['custom', 'something else'])).toEqual({ ...quiet, stdout: answer })
    const told = 'Received message: HELLO USER GROUP MULTICAST FROM KERNEL\n'
    expect(await group.ended).toMatchObject({ status: 0, stdout: told })
    expect(log.read().map(record => record.text)).toEqual([
      'Entering: custom_nl_receive_message',
      'Received message: something else',
    ])
  })
})
