"""How the page of a bundle looks: on a screen, light and dark, and on paper. Nothing is loaded from anywhere."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1d21; --soft: #5c606b; --line: #d7d9df; --paper: #fff; --shade: #f4f5f8;
  --held: #2f6f4f; --turn: #4b8f6c; --open: #2f6f4f; --gap: #a3321f; --accent: #2b4c8c; --onbar: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e7ea; --soft: #a2a7b3; --line: #3a3d46; --paper: #17181c; --shade: #20222a;
    --held: #5fae86; --turn: #478869; --open: #5fae86; --gap: #ef8a76; --accent: #9db7ee; --onbar: #10130f; } }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --shade: #fff;
  --held: #2f6f4f; --turn: #4b8f6c; --open: #2f6f4f; --gap: #a3321f; --accent: #000; --onbar: #fff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 Georgia, "Iowan Old Style", "Noto Serif", "DejaVu Serif", serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
a { color: var(--accent); overflow-wrap: anywhere; }
.id { white-space: nowrap; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .5rem 0; max-width: 46rem; }
.sub, .small { color: var(--soft); font-size: .9rem; }
.state { font-size: 1.15rem; margin: 1rem 0; padding: .7rem 1rem; border-left: 4px solid var(--held);
  background: var(--shade); max-width: none; }
.state.bad { border-color: var(--gap); }
.trial { border: 2px solid var(--gap); padding: .4rem .8rem; font-weight: bold; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; margin: .6rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
  border-bottom: 1px solid var(--line); }
th { font-weight: normal; color: var(--soft); }
table.facts th { width: 13rem; }
td.proof { width: 30rem; }
table.counted td:last-child { width: 56%; }
table.counted td.when { white-space: normal; min-width: 6.6rem; }
td.when, td.nr { white-space: nowrap; font-variant-numeric: tabular-nums; }
code, .mono { font: .82em/1.4 "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
ol.working { margin: .2rem 0; padding-left: 1.2rem; font-size: .92rem; }
ul { margin: .4rem 0; padding-left: 1.2rem; max-width: 46rem; }
pre { background: var(--shade); border: 1px solid var(--line); padding: .6rem .8rem; font-size: .85rem;
  white-space: pre-wrap; }
figure { margin: 1rem 0; }
svg { width: 100%; height: auto; font: 12px "DejaVu Sans", Helvetica, Arial, sans-serif; }
svg text { fill: var(--ink); } svg .small { fill: var(--soft); font-size: 11px; } svg .name { font-size: 12px; }
svg .month { stroke: var(--line); stroke-width: 1; } svg .today { stroke: var(--accent); stroke-dasharray: 4 3; }
svg .held { fill: var(--held); } svg .held.turn1 { fill: var(--turn); }
svg .planned { fill: none; stroke: var(--held); stroke-dasharray: 4 3; }
svg .legal { fill: var(--held); opacity: .4; }
svg .open { fill: var(--open); opacity: .75; } svg .inbar { fill: var(--onbar); font-size: 11px; }
svg .inbar.dark { fill: var(--ink); }
svg .end { stroke: var(--gap); stroke-width: 3; } svg .tick { stroke: var(--line); }
svg .mark { fill: var(--paper); stroke: var(--accent); stroke-width: 1.5; }
svg .number { font-size: 11px; fill: var(--accent); }
svg .wait { stroke: var(--accent); stroke-width: 3; } svg .wait.late { opacity: .45; }
svg .point { fill: var(--accent); }
@page { size: A4; margin: 18mm 15mm; }
@media print { html { font-size: 10.5pt; } td.proof { width: auto; }
  body { font-size: 9.5pt; } h1 { font-size: 16pt; } main { max-width: none; padding: 0; }
  h2 { break-after: avoid; margin-top: 1.6rem; } td, th { padding-top: .2rem; padding-bottom: .2rem; }
  tr, figure, .state { break-inside: avoid; }
  thead { display: table-header-group; } .state { border: 1px solid #000; } }
"""
