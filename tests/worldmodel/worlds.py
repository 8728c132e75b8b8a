"""Small recorded drives and a trained world that is small enough for tests."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

DT, START_US = 0.5, 1_600_000_000_000_000


def write_drives(root: Path, scenes=3, frames=30, size=(64, 36)):
    """A data set in nuScenes' tables: a car on a road whose picture shows its heading and how far it has come."""
    rng = np.random.default_rng(0)
    tables = {name: [] for name in ("scene", "sample", "sample_data", "ego_pose", "calibrated_sensor", "sensor", "log")}
    tables["sensor"].append({"token": "s", "channel": "CAM_FRONT", "modality": "camera"})
    tables["log"].append({"token": "l", "logfile": "", "vehicle": "", "date_captured": "", "location": "nowhere"})
    tables["calibrated_sensor"].append(
        {
            "token": "c",
            "sensor_token": "s",
            "translation": [1.7, 0.0, 1.5],
            "rotation": [0.5, -0.5, 0.5, -0.5],
            "camera_intrinsic": [[50.0, 0, 31.5], [0, 50.0, 17.5], [0, 0, 1]],
        }
    )
    (root / "samples/CAM_FRONT").mkdir(parents=True)
    for scene in range(scenes):
        name = f"drive-{scene}"
        tokens = [f"{scene:02d}{number:030d}" for number in range(frames)]
        tables["scene"].append(
            {
                "token": name,
                "name": name,
                "description": "",
                "log_token": "l",
                "nbr_samples": frames,
                "first_sample_token": tokens[0],
                "last_sample_token": tokens[-1],
            }
        )
        x = y = heading = 0.0
        for number, token in enumerate(tokens):
            time = START_US + scene * 10**9 + round(number * DT * 1e6)
            speed, curvature = rng.uniform(3.0, 9.0), rng.uniform(-0.03, 0.03)
            columns = np.arange(size[0])[None, :, None] + 60.0 * heading
            rows = np.arange(size[1])[:, None, None]
            picture = 120 + 80 * np.sin(columns / 5.0) + 40 * np.cos((rows + x) / 4.0) + np.zeros((1, 1, 3))
            file = f"samples/CAM_FRONT/{token}.jpg"
            data = io.BytesIO()
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(data, "JPEG", quality=95)
            (root / file).write_bytes(data.getvalue())
            place = {"timestamp": time, "translation": [x, y, 0.0]}
            turn = [np.cos(heading / 2), 0.0, 0.0, np.sin(heading / 2)]
            tables["ego_pose"].append({"token": f"p{token}", "rotation": turn, **place})
            tables["sample"].append(
                {
                    "token": token,
                    "timestamp": time,
                    "scene_token": name,
                    "prev": tokens[number - 1] if number else "",
                    "next": tokens[number + 1] if number + 1 < frames else "",
                }
            )
            tables["sample_data"].append(
                {
                    "token": f"d{token}",
                    "sample_token": token,
                    "ego_pose_token": f"p{token}",
                    "calibrated_sensor_token": "c",
                    "timestamp": time,
                    "fileformat": "jpg",
                    "is_key_frame": True,
                    "height": size[1],
                    "width": size[0],
                    "filename": file,
                    "prev": "",
                    "next": "",
                }
            )
            way = speed * DT
            x, y = x + way * np.cos(heading), y + way * np.sin(heading)
            heading += curvature * way
    (root / "v1.0-small").mkdir()
    for name, rows in tables.items():
        (root / "v1.0-small" / f"{name}.json").write_text(json.dumps(rows))
    return f"nuscenes:{root}@v1.0-small"
