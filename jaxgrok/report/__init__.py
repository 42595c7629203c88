"""The report of a run: one HTML file that opens anywhere, offline, and can be sent.

`cells`, `curves` and `facts` gather what the page shows, `pack` makes it small, and
`page` puts it into the template of `assets`, beside plotly.js.

    page.write(Path("runs/mine/report.html"), [jaxgrok.open("runs/mine")])
"""
