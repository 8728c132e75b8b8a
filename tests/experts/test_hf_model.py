"""Models of the transformers library in local folders, tiny and with weights made here, through the real classes."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from lightemma.errors import UserError
from lightemma.experts.base import Box, Question
from lightemma.experts.detections import Detector
from lightemma.experts.found_check import checked
from lightemma.experts.registry import chosen_experts, make_expert
from lightemma.simulation.render import front_camera
from tests.conftest import make_frame
from tests.experts.test_every_expert import picture

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SIZE = (320, 180)
FRAME = replace(make_frame(), camera=front_camera(SIZE))
LABELS = {"id2label": {0: "car", 1: "cat", 2: "road"}, "label2id": {"car": 0, "cat": 1, "road": 2}}
SMALL = {"size": {"height": 64, "width": 64}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folders of five tiny models, made when they are asked for."""
    root = tmp_path_factory.mktemp("models")

    def made(name):
        place = root / name
        if not place.is_dir():
            torch.manual_seed(0)
            model, processor = globals()[name]()
            model.save_pretrained(place)
            processor.save_pretrained(place)
        return place

    return made


def yolos():
    """Finds the same car everywhere: its heads' last layers are constant."""
    config = transformers.YolosConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=[64, 64],
        patch_size=16, num_detection_tokens=3, **LABELS,
    )  # fmt: skip
    model = transformers.YolosForObjectDetection(config)
    with torch.no_grad():
        for layer, values in ((model.class_labels_classifier, [6.0, 0.0, 0.0, 0.0]), (model.bbox_predictor, None)):
            last = layer.layers[-1]
            last.weight.zero_()
            # Shares of the picture, before the sigmoid: middle and size.
            wanted = torch.tensor(values) if values else torch.logit(torch.tensor([0.5, 0.5, 0.25, 0.5]))
            last.bias.copy_(wanted)
    return model, transformers.YolosImageProcessor(do_resize=False, do_pad=False)


def rt_detr():
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = transformers.RTDetrConfig(
        backbone_config=backbone, encoder_hidden_dim=16, encoder_in_channels=[8, 8, 8], encoder_ffn_dim=16,
        encoder_attention_heads=2, d_model=16, decoder_in_channels=[16, 16, 16], decoder_ffn_dim=16, decoder_layers=1,
        decoder_attention_heads=2, num_queries=5, num_denoising=0, **LABELS,
    )  # fmt: skip
    return transformers.RTDetrForObjectDetection(config), transformers.RTDetrImageProcessor(**SMALL)


def grounding_dino():
    swin = transformers.SwinConfig(
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    bert = transformers.BertConfig(
        vocab_size=12, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    config = transformers.GroundingDinoConfig(
        backbone_config=swin, text_config=bert, d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2, num_queries=4, max_text_len=16,
    )  # fmt: skip
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "a", "car", "person", "?", "cone", "the"]
    tokenizer = transformers.BertTokenizer(vocab={word: number for number, word in enumerate(words)})
    images = transformers.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    return transformers.GroundingDinoForObjectDetection(config), transformers.GroundingDinoProcessor(images, tokenizer)


def depth_anything():
    backbone = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
        head_hidden_size=8, patch_size=14,
    )  # fmt: skip
    size = {"size": {"height": 56, "width": 56}, "ensure_multiple_of": 14, "keep_aspect_ratio": False}
    return transformers.DepthAnythingForDepthEstimation(config), transformers.DPTImageProcessor(**size)


def segformer(winner=2):
    config = transformers.SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 8, 8],
        decoder_hidden_size=8,
        num_attention_heads=[1, 1, 1, 1],
        **LABELS,
    )
    model = transformers.SegformerForSemanticSegmentation(config)
    with torch.no_grad():
        model.decode_head.classifier.bias[winner] = 50.0
    return model, transformers.SegformerImageProcessor(**SMALL)


def segformer_of_cars():
    return segformer(0)


def expert(tmp_path, folder, name, does, **more):
    card = {"id": "a-model", "task": "a-task", "description": "Looks.", "endpoint": "hf", "does": does}
    place = tmp_path / "expert.yaml"
    place.write_text(yaml.safe_dump({**card, "folder": str(folder(name)), **more}))
    return make_expert(str(place))


def asked(**given):
    return Question(FRAME, {"picture": picture(size=SIZE)}, **given)


def test_a_detectors_boxes_are_pixels_of_the_picture_with_drivings_words(tmp_path, folder):
    detector = expert(tmp_path, folder, "yolos", "detection", device="cpu")
    assert isinstance(detector, Detector)
    assert detector.absent() == ""
    found = checked(detector.look(asked()), detector.card)
    assert found.words == "Detected: 1 x car.", "three boxes of one car are one"
    (box,) = found.boxes
    assert [box.left, box.top, box.right, box.bottom] == pytest.approx([119.5, 44.5, 199.5, 134.5], abs=0.01)
    assert chosen_experts([str(tmp_path / "expert.yaml")])[0].card.task == "a-task"


def test_what_is_no_road_user_is_left_out(tmp_path, folder):
    """A random RT-DETR whose least score is 0 claims something for each query."""
    detector = expert(tmp_path, folder, "rt_detr", "detection", least_score=0.0)
    found = checked(detector.look(asked()), detector.card)
    assert {box.label for box in found.boxes} <= {"car"}
    assert found == checked(detector.look(asked()), detector.card)


def test_a_detector_looks_for_what_it_is_told(tmp_path, folder):
    prompts = ["a car", "the cone"]
    detector = expert(tmp_path, folder, "grounding_dino", "detection", least_score=0.0, prompts=prompts)
    found = checked(detector.look(asked()), detector.card)
    assert all(-1 <= box.left < box.right <= SIZE[0] + 1 for box in found.boxes)
    with pytest.raises(UserError, match="prompts are for detection"):
        expert(tmp_path, folder, "segformer", "segmentation", prompts=prompts)


@pytest.mark.parametrize(
    ("name", "words", "free"), [("segformer", "looks free for 40 m", 40.0), ("segformer_of_cars", "car is there", 3.0)]
)
def test_segmentation_says_how_far_our_path_is_road(tmp_path, folder, name, words, free):
    found = expert(tmp_path, folder, name, "segmentation").look(asked())
    assert words in found.words
    assert found.numbers["free_space_m"] == free
    assert "The picture shows" in found.words
    assert "100%" in found.words


def test_depth_of_a_random_model_has_no_scale(tmp_path, folder):
    deep = expert(tmp_path, folder, "depth_anything", "depth")
    boxes = {"boxes": (Box("car", 0.9, 140, 80, 180, 110), Box("traffic light", 0.9, 10, 10, 20, 30))}
    found = checked(deep.look(asked(boxes=boxes)), deep.card)
    assert found.words == "From near to far: car."
    assert found.numbers == {}


@pytest.mark.parametrize("slope", [0.01, 3.0])
def test_relative_depth_is_scaled_by_the_road_before_us(monkeypatch, slope):
    from lightemma.experts import hf_views
    from lightemma.experts.base import ground_points

    camera = FRAME.camera
    columns, rows = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    ground = ground_points(np.column_stack([columns.ravel(), rows.ravel()]).astype(float), camera)[:, 0].reshape(
        rows.shape
    )
    away = np.where(np.isfinite(ground) & (ground < 90), ground - camera.translation[0], 90.0)
    away[70:105, 150:170] = 22.0 - camera.translation[0]  # something stands 22 m from the axle
    box = Box("car", 0.9, 149.5, 69.5, 169.5, 104.5)
    read = {"predicted_depth": torch.tensor((1.0 / away - 0.002) / slope)}
    processor = SimpleNamespace(post_process_depth_estimation=lambda *_, **__: [read])
    loaded = hf_views.Loaded(SimpleNamespace(config=SimpleNamespace()), processor, (), "cpu")
    monkeypatch.setattr(hf_views, "_forward", lambda *_: None)
    monkeypatch.setattr(hf_views, "_inputs", lambda *_, **__: None)
    found = hf_views.depth(loaded, np.zeros((SIZE[1], SIZE[0], 3), np.uint8), asked(boxes={"boxes": (box,)}))
    assert found.numbers["lead_distance_m"] == pytest.approx(22.0 - 3.427, abs=0.2)
    assert found.words == "By depth: car 19 m ahead in our lane."


def test_a_model_on_an_accelerator_takes_its_place(tmp_path, folder):
    assert expert(tmp_path, folder, "yolos", "detection", device="cuda:1").card.accelerator == "cuda:1"
    assert expert(tmp_path, folder, "yolos", "detection").card.accelerator == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"folder": "/nowhere"}, "has no config.json; download"),
        ({"does": "flying"}, "does: "),
        ({"device": "toaster"}, "device: "),
        ({"least_score": 2}, "least_score: "),
        ({"url": "http://a"}, "url: "),
        ({"endpoint": "http"}, "endpoint: "),
        ({"id": "Not Good"}, "id is"),
    ],
)
def test_a_wrong_yaml_is_refused(tmp_path, change, why):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/config.json").write_text("{}")
    given = {"id": "m", "task": "t", "description": "d", "endpoint": "hf", "does": "depth", "folder": "models"} | change
    (tmp_path / "e.yaml").write_text(yaml.safe_dump(given))
    with pytest.raises(UserError, match=why):
        chosen_experts([str(tmp_path / "e.yaml")])


def test_a_folder_of_another_kind_costs_its_task_and_says_why(tmp_path, folder):
    with pytest.raises(UserError, match="cannot load a model of depth"):
        expert(tmp_path, folder, "yolos", "depth").look(asked())
