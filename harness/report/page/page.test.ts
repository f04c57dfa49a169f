// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type PageAssets, pageAssets } from './assets.ts'
import type { ComparisonPageData } from './comparison-data.ts'
import { comparisonPage, page } from './page.ts'
import type { PageData } from './page-data.ts'
import { writeComparisonPage, writePage } from './write-page.ts'

const hostile = '</script><script>alert(1)</script><!-- \u2028 "quoted" & ]]>'
const data: PageData = {
  version: '1.0.0',
  time: 0,
  total: 1,
  ok: false,
  kernels: [
    { label: hostile, release: '', origin: '', problem: hostile, details: hostile, bootTime: undefined },
  ],
  files: [],
  remarks: [hostile],
  unhandled: [],
}

test('data cannot leave its element, and comes out as it went in', () => {
  const html = page(data, { script: 'run()', style: 'p{}' })
  expect(html.match(/<\/script>/g)).toHaveLength(2)
  expect(html).not.toContain('<!--')
  const [, json = ''] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html) ?? []
  expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(data)))
})

const comparison: ComparisonPageData = {
  ...{ version: '1.0.0', time: 0, total: 1, ok: true, title: hostile, answer: hostile, base: hostile },
  ...{ head: hostile, kernels: [], findings: [], remarks: [hostile] },
}

test('a title obeys nothing', () => {
  const html = comparisonPage(comparison, { script: 'run()', style: 'p{}' })
  expect(html.match(/<\/script>/g)).toHaveLength(2)
  expect(html).not.toContain('<!--')
  expect(html).toContain('<title>&lt;/script&gt;&lt;script&gt;')
})

test.each([
  ['main', (assets: PageAssets) => page(data, assets)],
  ['comparison', (assets: PageAssets) => comparisonPage(comparison, assets)],
] as const)('its own script runs, and nothing is loaded: %s', (name, make) => {
  const { script, style } = pageAssets(name)
  const html = make({ script, style })
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? ''
  expect(policy).toMatch(/^default-src 'none'; /)
  expect(policy).toContain(`'sha256-${createHash('sha256').update(script).digest('base64')}'`)
  // The namespaces of SVG and the like are names, and nothing that is loaded.
  const urls = (script + style).match(/https?:\/\/[^\s"'`)]+/g) ?? []
  expect(urls.filter(url => !url.startsWith('http://www.w3.org/'))).toEqual([])
  expect(script + style).not.toMatch(/@import|url\(|<\/script/)
  // Its licence asks for its notice.
  expect(script).toMatch(/^\/\*! lit-html: BSD 3-Clause License[\s\S]+AS IS/)
})

test('one that cannot be written is told, and changes no result', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'page-'))
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => {
    stderr.mockRestore()
    rmSync(folder, { recursive: true })
  })
  const file = path.join(folder, 'new/page.html')
  writePage(file, data)
  expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/)
  writeComparisonPage(file, comparison)
  expect(readFileSync(file, 'utf8')).toContain('<title>&lt;/script')
  expect(stderr).not.toHaveBeenCalled()
  writeFileSync(path.join(folder, 'file'), '')
  const below = path.join(folder, 'file/page.html')
  writePage(below, data)
  expect(stderr.mock.calls.join('')).toMatch(new RegExp(`^error: cannot write the report ${below}: .*\\n$`))
})
