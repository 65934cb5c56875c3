# Tables: views over measurement rows, beside the paper's own numbers; and the report that shows everything.
rule table:
    input:
        unpack(lambda w: artefact_inputs(w, w.table)),
    output:
        csv=report(
            layout.TABLE, caption="../report/table.rst", category="Tables", labels={"table": "{table}"}
        ),
        trace=layout.TABLE_TRACE,
        markdown=layout.TABLE_MARKDOWN,
        html=layout.TABLE_HTML,
    log:
        "{home}/logs/tables/{table}.log",
    retries: 0
    params:
        study=study_file,
        settings=settings(fingerprint.artefact_fingerprint, "table"),
    shell:
        "exec ddpm table {params.study:q} {wildcards.table:q} --log {log:q} --quiet"


rule report:
    input:
        lambda w: dependencies.report_files(study(w)),
    output:
        layout.REPORT,
    log:
        "{home}/logs/report.log",
    retries: 0
    params:
        study=study_file,
        settings=settings(fingerprint.report_fingerprint),
    shell:
        "exec ddpm report {params.study:q} --log {log:q} --quiet"
