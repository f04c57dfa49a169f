// SPDX-License-Identifier: MIT
/** A page of a real run, in a browser: a test that fails with a conversation, a kernel report, a lost guest. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ownFolder } from '../../../base/own-folder.ts'
import { Chromium } from '../../../fixtures/chromium.ts'
import { runCli } from '../../../fixtures/cli.ts'
import { writeComparisonPage } from '../write-page.ts'

const files = {
  'talk.fixture.ts': `
    import { writeFileSync } from 'node:fs'
    import { Socket, attr, encodeMessage, NLM_F_ACK, NLM_F_REQUEST } from 'netlink-vmtest/netlink'
    import { acknowledgement, exchange, heard, loadModule } from 'netlink-vmtest/testing'
    import { beforeAll, describe, expect, test } from 'vitest'
    beforeAll(() => loadModule('nlexample'))
    test('passes', () => {})
    test.skip('is skipped', () => {})
    describe('an update', () => {
      test('too much is <i>heard</i>', async () => {
        writeFileSync('/dev/kmsg', 'a line with <img src=x> and \\u001b[31mred\\n')
        console.log('said by the test')
        using socket = Socket.open(21)
        using listener = Socket.open(21, { memberships: [1] })
        const request = encodeMessage({ type: 16, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 1 }, attr.u32(1, 4242))
        expect(await exchange(socket, request)).toEqual([acknowledgement(request, socket)])
        expect(await heard(listener)).toEqual([])
      })
    })`,
  'breaks.fixture.ts': `
    import { writeFileSync } from 'node:fs'
    import { loadModule } from 'netlink-vmtest/testing'
    import { beforeAll, test } from 'vitest'
    beforeAll(() => loadModule('faults'))
    test('warns', () => writeFileSync('/proc/faults', 'warn'))
    test('panics', () => writeFileSync('/proc/faults', 'panic'))
    test('comes later', () => {})
    test('comes last', () => {})`,
}

const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
const file = path.join(folder, 'out/page.html')
const comparison = path.join(folder, 'comparison.html')
let chromium: Chromium
let page: Page
/** What must not be: errors, and anything that is loaded. */
const complaints: string[] = []

beforeAll(async () => {
  const modules = ['kernel/modules/nlexample', 'harness/fixtures/faults-module'].map(each =>
    path.join(ownFolder, each),
  )
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    `export default { suites: ['*.fixture.ts'], modules: ${JSON.stringify(modules)} }`,
  )
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  const options = ['--kernel', 'debian-6.1,tree:/nowhere', '--html', file, '--reporter=blob']
  const { status } = await runCli([...options, '--outputFile.blob=blobs/1.json'], { cwd: folder })
  expect(status).toBe(1)
  chromium = await Chromium.start()
})
afterAll(async () => {
  await chromium?.end()
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(async () => {
  page = await chromium.browser.newPage({ viewport: { width: 1280, height: 900 } })
  complaints.length = 0
  page.on('console', message => complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('request', request => {
    if (![file, comparison].some(each => request.url().startsWith(pathToFileURL(each).href)))
      complaints.push(request.url())
  })
  return async () => {
    await page.close()
    expect(complaints).toEqual([])
  }
})

const visit = (hash = '') => page.goto(pathToFileURL(file).href + hash)
const violations = async () => {
  await page.evaluate(axe.source)
  return await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run()
    return violations.flatMap(({ help, nodes }) => nodes.map(node => `${help}: ${node.html}`))
  })
}
const rows = () => page.locator('.result .title').allTextContents()
const row = (name: string) => page.locator('.result', { hasText: name })
const hash = () => new URLSearchParams(new URL(page.url()).hash.slice(1))

test('the table: what each suite did on each kernel, by links to the results', async () => {
  await visit()
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('3 of 7 tests failed')
  const table = page.getByRole('region', { name: 'Suites' }).getByRole('table')
  expect(await table.getByRole('columnheader').allTextContents()).toEqual([
    'Suite',
    expect.stringMatching(/^\s*debian-6\.1\s*$/),
    expect.stringMatching(/^\s*tree:\/nowhere\s*$/),
  ])
  const cell = page.getByRole('link', { name: '2 of 4 failed 2 not run in breaks.fixture.ts on debian-6.1' })
  const colour = (of: typeof cell) => of.evaluate(each => getComputedStyle(each).color)
  const suite = table.getByRole('link', { name: 'talk.fixture.ts', exact: true })
  expect(await colour(cell)).not.toBe(await colour(suite))
  expect(await page.getByRole('list', { name: 'Kernels' }).textContent()).toMatch(
    /tree:\/nowhere\s+did not run: /,
  )
  await cell.click()
  await page.waitForURL(/file=breaks/)
  expect(await rows()).toEqual(['warns', 'panics', 'comes later', 'comes last'])
  expect(await page.locator('.missed').allTextContents()).toEqual([
    expect.stringMatching(/^2 tests not run: kernel panic/),
  ])
  await page.goBack()
  expect(await rows()).toEqual(['warns', 'panics', 'an update > too much is <i>heard</i>'])
})

test('search and filters, by the keyboard, in the address', async () => {
  await visit()
  await page.keyboard.press('/')
  await page.keyboard.type('deeply EQUAL')
  expect(await rows()).toEqual(['an update > too much is <i>heard</i>'])
  expect(await page.getByRole('status').textContent()).toMatch(/1 result\s*$/)
  expect(hash().get('q')).toBe('deeply EQUAL')
  await page.getByRole('searchbox').fill('')
  await page.getByRole('button', { name: 'All 7' }).press('Enter')
  expect(await rows()).toHaveLength(7)
  await page.getByRole('button', { name: 'Skipped 1' }).press('Space')
  expect(await rows()).toEqual(['is skipped'])
  await page.reload()
  expect(await rows()).toEqual(['is skipped'])
  await page.getByRole('combobox', { name: 'Kernel' }).selectOption('tree:/nowhere')
  expect(await page.getByRole('status').textContent()).toContain('Nothing matches')
})

test('a conversation is drawn, and what tests and kernels say is shown as it is', async () => {
  await visit()
  await page.locator('.result > summary', { hasText: 'too much' }).press('Enter')
  const open = page.locator('.result[open]')
  const diagram = open.locator('.sequence')
  await diagram.waitFor()
  expect((await diagram.locator('.head b').allTextContents()).map(each => each.replace(/\d+/, 'N'))).toEqual([
    'port N',
    'kernel',
    'port N',
  ])
  const said = diagram.locator('li', { hasText: 'not expected: type 16' })
  expect((await said.locator('.unseen').textContent())?.replace(/\d+/, 'N')).toBe(
    'unexpected, kernel to port N, group 1: ',
  )
  // The arrow goes from the kernel's lifeline to that of the listener.
  const place = (of: string) =>
    said.locator(of).evaluateAll(all => all.map(each => each.getBoundingClientRect()))
  const [arrow] = await place('.arrow.rightwards.unexpected')
  const lines = await place('.line')
  expect(arrow?.left).toBeCloseTo(lines[1]?.left ?? 0, -1)
  expect(arrow?.right).toBeCloseTo(lines[2]?.left ?? 0, -1)
  const text = (await open.textContent()) ?? ''
  expect(text).toContain('a line with <img src=x> and ␛[31mred')
  expect(await open.locator('.here').textContent()).toMatch(/^\d+ +expect\(await heard\(listener\)\)/)
  expect(text).toContain('said by the test')
  expect(text).not.toContain('the conversation:')
  expect(text).toContain('"payload": "08000100 92100000"')
  expect(text).toMatch(
    /--kernel debian-6\.1 talk\.fixture\.ts -t '\^an update > too much is <i>heard<\/i>\$'/,
  )
  expect(await page.locator('img, .title i, .content i:not([class])').count()).toBe(0)
  const id = hash().get('test')
  expect(id).toBe((await open.getAttribute('id'))?.replace('result-', ''))
  // The link opens it again, and puts the focus there.
  await visit('#status=all')
  await visit(`#test=${id}`)
  await open.locator('.sequence').waitFor()
  expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('too much')
})

test('kernel reports with their places, and the console of a lost guest', async () => {
  await visit('#file=breaks.fixture.ts')
  await row('warns').locator('summary').first().click()
  await row('panics').locator('summary').first().click()
  const warns = (await row('warns').locator('.content').textContent()) ?? ''
  expect(warns).toMatch(/WARN\s+faults: a warning with the number 2/)
  expect(warns).toMatch(/fault_warn \[faults\]\s+faults\.c:\d+/)
  expect(warns).toMatch(/Kernel log of its time\[ +\d+\.\d+\] -+\[ cut here/)
  expect(await row('warns').locator('.here').textContent()).toMatch(/^45\tWARN/)
  const panics = (await row('panics').locator('.content').textContent()) ?? ''
  expect(panics).toMatch(/GuestLost:\s+kernel panic: faults: a panic/)
  expect(panics).toMatch(/fault_panic \[faults\]\s+faults\.c:\d+/)
  expect(panics).toMatch(/Console of the lost guest[\s\S]*Kernel panic - not syncing: faults/)
  expect(panics).toMatch(/Evidence:\s+\.netlink-vmtest\/debian-6\.1\/breaks\.fixture\.ts/)
  expect(await page.getByRole('list').filter({ hasText: 'too much' }).last().textContent()).toMatch(/\d+ m?s/)
})

test('on a phone nothing is wider than the screen; dark where that is preferred', async () => {
  await visit('#status=all')
  for (const summary of await page.locator('.result > summary').all()) await summary.click()
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const light = await ground()
  await page.setViewportSize({ width: 360, height: 700 })
  const tooWide = await page.evaluate(() =>
    Array.from(document.querySelectorAll('body *:not(.scroll, .unseen)'))
      .filter(each => each.closest('table') === null)
      .filter(each => each.getBoundingClientRect().right > innerWidth || each.scrollWidth > innerWidth)
      .map(each => `${each.tagName} ${each.className}`),
  )
  expect(tooWide).toEqual([])
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
  await page.emulateMedia({ colorScheme: 'dark' })
  expect(await ground()).not.toBe(light)
})

test.each(['light', 'dark'] as const)(
  'what screen readers and bad eyes need, in the %s',
  async colorScheme => {
    await page.emulateMedia({ colorScheme })
    await visit('#status=all')
    for (const summary of await page.locator('.result > summary').all()) await summary.click()
    await page.locator('.sequence').waitFor()
    expect(await violations()).toEqual([])
  },
)

test('a comparison: the findings first, both sides beside each other, what differs marked', async () => {
  const line = (way: string, text: string, differs: boolean, value = '') => ({
    ...{ way, text, differs },
    parts: value === '' ? [] : [{ name: 'message', value, differs }],
  })
  const change = (id: string, matters: boolean) => ({
    ...{ id, matters, kind: matters ? 'behaviour' : 'size', text: '<i>get</i>: ENOENT became EINVAL' },
    ...{
      seen: '3 times',
      request: 'get: 20 bytes',
      show: '',
      again: 'run-vm.sh compare main',
      conversation: undefined,
    },
  })
  const rows = [
    { base: line('request', 'get', false), head: line('request', 'get', false) },
    { base: line('answer', 'ENOENT', true, 'no such key'), head: line('answer', 'EINVAL', true, 'bad key') },
    { base: undefined, head: line('to socket 2 in group nlex/example', 'nlex command 1', true) },
  ]
  writeComparisonPage(comparison, {
    ...{
      version: '1.0.0',
      time: 0,
      total: 1234,
      ok: false,
      title: '2 changes',
      answer: '1 change that matters',
    },
    ...{
      base: 'main',
      head: 'the work tree',
      kernels: [{ label: 'debian-6.1', release: '6.1.0' }],
      remarks: ['a note'],
    },
    findings: [
      { ...change('change-a', true), conversation: { test: 'a.test.ts > x', rows } },
      change('change-b', false),
    ],
  })
  const address = pathToFileURL(comparison).href
  await page.goto(address)
  expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toEqual([
    ...['Changes that matter', 'Other changes', 'Remarks'],
  ])
  expect(await page.locator('details[open]').count()).toBe(1)
  const table = page.getByRole('table')
  expect(await table.getByRole('columnheader').allTextContents()).toEqual([
    'BASE: main',
    'HEAD: the work tree',
  ])
  expect(await table.locator('mark').allTextContents()).toEqual([
    ...['ENOENT', 'no such key', 'EINVAL', 'bad key', 'nlex command 1'],
  ])
  const places = await table
    .locator('tbody tr')
    .nth(1)
    .locator('td')
    .evaluateAll(all => all.map(each => each.getBoundingClientRect()))
  expect(places[0]?.right).toBeCloseTo(places[1]?.left ?? 0, 0)
  await page.goto(`${address}#change-b`)
  await page.reload()
  expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('<i>get</i>: ENOENT')
  expect(await page.locator('#change-b').getAttribute('open')).toBe('')
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    expect(await violations()).toEqual([])
  }
  await page.setViewportSize({ width: 360, height: 700 })
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
})

test('merge makes the same page of a blob', async () => {
  const { status } = await runCli(['merge', 'blobs', '--html', 'merged.html'], { cwd: folder })
  expect(status).toBe(1)
  const dataOf = (name: string) => {
    const html = readFileSync(path.join(folder, name), 'utf8')
    const [, json = ''] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html) ?? []
    return { ...JSON.parse(json), time: 0, total: 0 }
  }
  expect(dataOf('merged.html')).toEqual(dataOf('out/page.html'))
})
