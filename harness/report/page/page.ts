// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import type { PageAssets } from './assets.ts'
import type { ComparisonPageData } from './comparison-data.ts'
import type { PageData } from './page-data.ts'

/** A report as one HTML file that loads nothing: the script makes the page of the data in it. */
export function page(data: PageData, assets: PageAssets): string {
  const failed = data.files.flatMap(({ tests }) => tests.filter(({ status }) => status === 'failed')).length
  const title = data.ok ? 'passed' : failed === 0 ? 'failed' : `${failed} failed`
  return document(data, title, assets)
}

/** A comparison as such a file. */
export function comparisonPage(data: ComparisonPageData, assets: PageAssets): string {
  return document(data, data.title, assets)
}

function document(data: PageData | ComparisonPageData, title: string, { script, style }: PageAssets): string {
  const hash = createHash('sha256').update(script).digest('base64')
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="generator" content="netlink-vmtest ${data.version}">
<title>${title.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')} · netlink-vmtest</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon(data.ok))}">
<style>${style}</style>
</head>
<body>
<div id="page"></div>
<noscript><p>This report is drawn by its own script, which this browser does not run.</p></noscript>
<script type="application/json" id="data">${inScript(data)}</script>
<script>${script}</script>
</body>
</html>
`
}

/** JSON in a script element, which "</script" and "<!--" would end or change. */
function inScript(data: PageData | ComparisonPageData): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c')
}

function icon(ok: boolean): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${ok ? '#2f7d4f' : '#b3372b'}"/></svg>`
}
