# Figures, each as PNG and PDF with a trace of what it was drawn from.
rule figure:
    input:
        unpack(lambda w: artefact_inputs(w, w.figure)),
    output:
        png=report(
            layout.FIGURE_PNG,
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        pdf=layout.FIGURE_PDF,
        trace=layout.FIGURE_TRACE,
    log:
        "{home}/logs/figures/{figure}.log",
    retries: 0
    params:
        study=study_file,
        settings=settings(fingerprint.artefact_fingerprint, "figure"),
    shell:
        "exec ddpm figure {params.study:q} {wildcards.figure:q} --log {log:q} --quiet"
