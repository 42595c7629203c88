"""The report of a run: one HTML file that opens anywhere, offline, and can be sent.

`data` gathers what the page shows, by `cells`, `curves` and `facts`; `pack` makes it
small, and `page` puts it into the template of `assets`, beside plotly.js.

    run = RunData.of(jaxgrok.open("runs/mine"))
    page.write(Path("runs/mine/report.html"), [run])
"""
