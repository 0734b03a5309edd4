#!/usr/bin/env python3
"""The gateway's uplink over TLS: nginx (Debian) in front of the collector, with bad certificates and a good one.

    nginx_tls.py BIN-DIRECTORY WORK-DIRECTORY

One gateway runs all the time. While the certificate is expired, for another name or of an unknown authority,
and while the server speaks nothing newer than TLS 1.1, nothing may be sent, and log and status must say why in
English and Chinese; once it is good, everything that waited must be acknowledged without a restart.
Prints "N passed, N failed"; exits 0 only if nothing failed.
"""
import os
import shutil
import subprocess
import sys
import textwrap

import bench

check = bench.Checks()
COLLECTOR_PORT, TLS_PORT = 9430, 9443
# Names of certificates, the key of the status, and words of both wordings.
BAD = [("expired", "certificate-expired", "has expired", "已过期"),
       ("other-name", "certificate-other-name", "is for another name", "属于其他名称"),
       ("unknown", "certificate-unknown", "not signed by an authority trusted here", "并非由本机信任的机构签发"),
       ("old-tls", "tls-refused", "must speak TLS 1.2 or newer", "TLS 1.2 或更高版本")]


def openssl(work, *arguments):
    bench.run("openssl", *arguments, environment=os.environ | {"OPENSSL_CONF": str(work / "openssl.cnf")})


def make_certificates(work):
    """An authority, what it issued, and what another one issued."""
    (work / "openssl.cnf").write_text(
        "[req]\ndistinguished_name = name\n[name]\n[authority]\nbasicConstraints = critical, CA:true\n"
        "[ca]\ndefault_ca = issuer\n[issuer]\npolicy = any\ndefault_md = sha256\ncopy_extensions = copy\n"
        f"database = {work}/index\nserial = {work}/serial\nnew_certs_dir = {work}\nunique_subject = no\n"
        "[any]\ncommonName = supplied\n")
    (work / "index").write_text("")
    (work / "serial").write_text("1000\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "stranger"):
        openssl(work, "req", "-x509", *key, "-keyout", work / f"{name}.key", "-out", work / f"{name}.pem",
                "-subj", f"/CN=Test {name}", "-days", "30", "-extensions", "authority")
    for name, authority, host, end in (
            ("good", "ca", "localhost", "20991231235959Z"), ("expired", "ca", "localhost", "20200131235959Z"),
            ("other-name", "ca", "collector.invalid", "20991231235959Z"),
            ("unknown", "stranger", "localhost", "20991231235959Z")):
        openssl(work, "req", "-new", *key, "-keyout", work / f"{name}.key", "-out", work / f"{name}.csr",
                "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
        openssl(work, "ca", "-batch", "-notext", "-cert", work / f"{authority}.pem", "-keyfile",
                work / f"{authority}.key", "-startdate", "20200101000000Z", "-enddate", end, "-in",
                work / f"{name}.csr", "-out", work / f"{name}.pem")


class Nginx:
    """nginx as Debian has it, with a directory of its own."""

    def __init__(self, work):
        self.directory = work / "nginx"
        self.directory.mkdir()
        self.process = None
        self.program = shutil.which("nginx") or "/usr/sbin/nginx"

    def command(self, *more):
        return [self.program, "-p", self.directory, "-c", self.directory / "nginx.conf", "-e",
                self.directory / "error.log", *more]

    def use(self, certificate):
        """Serves with this certificate from now on; a running one reloads."""
        protocols = "ssl_protocols TLSv1.2 TLSv1.3;"
        if certificate == "old-tls":
            certificate = "good"
            protocols = "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;"
        temporary = "".join(f"{kind}_temp_path {self.directory}/{kind};"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.directory / "nginx.conf").write_text(textwrap.dedent(f"""\
            daemon off; worker_processes 1; pid {self.directory}/pid;
            events {{ worker_connections 64; }}
            http {{
              access_log {self.directory}/access.log; {temporary}
              server {{
                listen 127.0.0.1:{TLS_PORT} ssl;
                ssl_certificate {self.directory.parent}/{certificate}.pem;
                ssl_certificate_key {self.directory.parent}/{certificate}.key;
                {protocols}
                client_max_body_size 64m;
                location / {{ proxy_pass http://127.0.0.1:{COLLECTOR_PORT}; proxy_http_version 1.1; }}
              }}
            }}
            """))
        if self.process is None:
            self.process = subprocess.Popen(self.command())
            bench.wait_until(lambda: (self.directory / "pid").exists(), 5)
        else:
            bench.run(*self.command("-s", "reload"))

    def requests(self):
        path = self.directory / "access.log"
        return path.read_text().splitlines() if path.exists() else []

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)


def screen(chain, language):
    """`tally status` as a person sees it, and its exit code."""
    result = subprocess.run(
        [chain.programs / "tally", "status", "--data", chain.gateway, "--lang", language],
        capture_output=True, text=True, timeout=10)
    return " ".join(result.stdout.split()), result.returncode


def bad_certificates(chain, nginx):
    for number, (name, key, english, chinese) in enumerate(BAD):
        if number:
            nginx.use(name)
        found = bench.wait_until(lambda: chain.status().get("link", {}).get("reason") == key, 25)
        check(f"{name}: the status says {key}", found, chain.status().get("link"))
        said = chain.said("tallyd")
        check(f"{name}: so does the log", english in said, said[-300:])
        text, code = screen(chain, "en")
        check(f"{name}: and `tally status`, what to do too",
              "mirror down" in text and english in text and code == 1, text[-300:])
        text, code = screen(chain, "zh")
        check(f"{name}: and in Chinese", chinese in text.replace(" ", "")
              or chinese in text and code == 1, text[-200:])
    log = chain.status()["log"]
    check("nothing was sent", not nginx.requests() and log["acknowledged"] == 0, nginx.requests())
    check("and the backlog is there", log["signed"] > 0, log)


def good_certificate(chain, nginx):
    before = chain.status()["log"]
    nginx.use("good")
    bench.wait_until(lambda: chain.status()["log"]["acknowledged"] >= before["size"], 40)
    status = chain.status()
    check("with a good certificate all of it is acknowledged", status["log"]["acknowledged"] >= before["size"],
          (before, status["log"]))
    check("the status has no reason left", status["link"] == {"state": "up", "reason": None, "live_refusal": None}, status["link"])
    check("the log says so", "the collector answers" in chain.said("tallyd"))
    check("through nginx", any("/add-entries" in line for line in nginx.requests()))
    token = chain.collector / "keys/read.token"

    def verify(*more):
        return subprocess.run(
            [chain.programs / "tally", "verify", f"https://localhost:{TLS_PORT}", "--vkey", chain.vkey, "--token",
             token, *more], capture_output=True, text=True, timeout=20, env=chain.environment)
    result = verify("--ca", chain.work / "ca.pem")
    check("tally verify reads the log through nginx", result.returncode == 0, result.stdout + result.stderr)
    result = verify()
    check("and without the CA it says what is wrong",
          result.returncode == 2 and "not signed by an authority" in result.stderr, result.stderr)


def main():
    programs, work = bench.arguments(__doc__)
    make_certificates(work)
    bench.write_share(work / "share", {})
    bench.write_site(
        work / "site.yaml", f"https://localhost:{TLS_PORT}",
        {"line-a": ["{number: 1, label: {en: None, zh: 无}, address: 1, profile: eastron-sdm630, "
                    "period_ms: 1000}"]}, "  ca: ca.pem\n")
    chain = bench.Chain(programs, work, COLLECTOR_PORT, work / "share", work / "site.yaml")
    nginx = Nginx(work)
    try:
        nginx.use(BAD[0][0])
        chain.start_collector()
        # A proxy of the environment must not see anything; nothing listens at port 9.
        dead = "http://127.0.0.1:9"
        chain.start_gateway(https_proxy=dead, HTTPS_PROXY=dead, all_proxy=dead, http_proxy=dead)
        bad_certificates(chain, nginx)
        good_certificate(chain, nginx)
        check("all ended in good order", chain.stop() == [0, 0])
    finally:
        chain.stop()
        nginx.stop()
    return check.close()


if __name__ == "__main__":
    sys.exit(main())
