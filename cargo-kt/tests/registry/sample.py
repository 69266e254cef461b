#!/usr/bin/env python3
"""sample.py FILE: writes the image kt.test/sample:12 as an OCI archive. Its one layer has 1234 bytes, and runs nowhere."""
import hashlib, io, json, sys, tarfile

blobs = {}


def blob(kind, data):
    digest = hashlib.sha256(data).hexdigest()
    blobs[f"blobs/sha256/{digest}"] = data
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}


config = blob("config.v1+json", b'{"architecture": "amd64", "os": "linux"}')
layer = blob("layer.v1.tar+gzip", b"x" * 1234)
manifest = {"schemaVersion": 2, "config": config, "layers": [layer], "mediaType": "application/vnd.oci.image.manifest.v1+json"}
name = {"annotations": {"io.containerd.image.name": "kt.test/sample:12"}}
index = {"schemaVersion": 2, "manifests": [blob("manifest.v1+json", json.dumps(manifest).encode()) | name]}
blobs["index.json"] = json.dumps(index).encode()
with tarfile.open(sys.argv[1], "w") as archive:
    for path, data in blobs.items():
        info = tarfile.TarInfo(path)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
