# SPDX-License-Identifier: LGPL-2.1-or-later
"""The peers of compare.py, each in a process of its own that speaks as `vlf-bench --serve` does: a line of JSON when it is
ready, then for each line "run N" on stdin one line {"ms": [N numbers]}.

    python peers.py ENGINE --model DIR --inputs FILE --work DIR [--precision f32|bf16|f16] [--threads N] [--device cpu|cuda]

Each runs the whole network on one frame and one prompt, both towers included, and returns the matching logits (the pooled
output where the model has no such head): no maps, no hidden states. Of a CLIP it is the image tower and its projection,
of a BLIP a greedy caption of --tokens tokens. What a user would switch on for speed is on: inference
mode, static shapes, packed weights in torch.compile, latency hints.
"""

import argparse
import json
import sys
import time
from pathlib import Path

WARM_UP = 3


def load_torch(directory, dtype):
    """The model as transformers gives it (with eager attention: there is no other for this class), in a module that takes
    positional tensors and returns one."""
    import torch
    from transformers import AutoConfig, BridgeTowerForImageAndTextRetrieval, BridgeTowerModel, logging

    logging.set_verbosity_error()
    if AutoConfig.from_pretrained(directory).model_type == "clip":
        return load_clip(directory, dtype)
    names = AutoConfig.from_pretrained(directory).architectures or []
    bare = any(name in ("BridgeTowerModel", "BridgeTowerForMaskedLM") for name in names)
    kind = BridgeTowerModel if bare else BridgeTowerForImageAndTextRetrieval
    model = kind.from_pretrained(directory, dtype=dtype, attn_implementation="eager", local_files_only=True).eval()

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixel_values, input_ids, attention_mask):
            out = self.model(pixel_values=pixel_values, input_ids=input_ids, attention_mask=attention_mask)
            return out.pooler_output if bare else out.logits

    return Whole().eval()


def load_clip(directory, dtype):
    """The image tower alone, with the attention that is fastest."""
    import torch
    from transformers import CLIPVisionModelWithProjection

    model = CLIPVisionModelWithProjection.from_pretrained(directory, dtype=dtype, local_files_only=True).eval()

    class Tower(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixel_values):
            return self.model(pixel_values=pixel_values).image_embeds

    return Tower().eval()


NAMES = ["pixel_values", "input_ids", "attention_mask"]     # a file without text has the first only


def torch_inputs(file):
    from safetensors.torch import load_file

    tensors = load_file(file)
    return tuple(tensors[name] for name in NAMES if name in tensors)


def numpy_inputs(file):
    from safetensors.numpy import load_file

    return load_file(file)


def torch_engine(options, compiled):
    import torch

    torch.set_num_threads(options.threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[options.precision]
    inputs = torch_inputs(options.inputs)
    inputs = (inputs[0].to(dtype),) + inputs[1:]
    model = load_torch(options.model, dtype).to(options.device)
    if compiled and options.device == "cuda":
        model = torch.compile(model, dynamic=False, mode="reduce-overhead")     # with CUDA graphs
    elif compiled:
        import torch._inductor.config as inductor

        inductor.freezing = True
        model = torch.compile(model, dynamic=False)

    def run():
        """From the host and back to it, as vlf-bench's frames go."""
        with torch.inference_mode():
            return model(*(tensor.to(options.device) for tensor in inputs)).float().cpu().numpy()

    return run


def captions(options):
    """A caption with generate(), keys and values cached as it does by itself."""
    import torch
    from transformers import BlipForConditionalGeneration, logging

    logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[options.precision]
    model = BlipForConditionalGeneration.from_pretrained(options.model, dtype=dtype, local_files_only=True).eval()
    pixels = torch_inputs(options.inputs)[0].to(dtype)

    def run():
        with torch.inference_mode():
            ids = model.generate(pixels, min_length=options.tokens, max_length=options.tokens, num_beams=1, do_sample=False)
        assert ids.shape[1] == options.tokens, ids
        return ids.numpy()

    return run


def openvino_engine(options):
    import openvino
    import torch

    inputs = torch_inputs(options.inputs)
    with torch.inference_mode():
        network = openvino.convert_model(load_torch(options.model, torch.float32), example_input=inputs,
                                         input=[list(tensor.shape) for tensor in inputs])
    settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": options.threads,
                "INFERENCE_PRECISION_HINT": options.precision}
    compiled = openvino.Core().compile_model(network, "CPU", settings)
    request = compiled.create_infer_request()
    arrays = [tensor.numpy() for tensor in inputs]

    def run():
        return next(iter(request.infer(arrays, share_inputs=True).values()))

    return run


def export_onnx(options):
    """Once per model; the file stays in the work folder."""
    import torch

    file = Path(options.work) / f"{Path(options.model).resolve().name}.onnx"
    if not file.exists():
        torch.set_num_threads(options.threads)
        inputs = torch_inputs(options.inputs)
        names = NAMES[:len(inputs)]
        with torch.inference_mode():
            torch.onnx.export(load_torch(options.model, torch.float32), inputs, str(file), input_names=names,
                              output_names=["out"], opset_version=17, dynamo=False)
    return file


def onnxruntime_engine(options):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(str(export_onnx(options)), settings, providers=["CPUExecutionProvider"])
    wanted = {i.name for i in session.get_inputs()}
    inputs = {name: array for name, array in numpy_inputs(options.inputs).items() if name in wanted}

    def run():
        return session.run(None, inputs)[0]

    return run


def is_blip(directory):
    return json.loads((Path(directory) / "config.json").read_text()).get("model_type") == "blip"


ENGINES = {
    "pytorch": lambda options: captions(options) if is_blip(options.model) else torch_engine(options, False),
    "pytorch-compiled": lambda options: torch_engine(options, True),
    "openvino": openvino_engine,
    "onnxruntime": onnxruntime_engine,
}


def serve(run):
    for _ in range(WARM_UP):
        out = run()
    print(json.dumps({"ready": True, "out": out.ravel().tolist()[:8]}), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line.split()[1])):
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
        print(json.dumps({"ms": times}), flush=True)


def main():
    parser = argparse.ArgumentParser(description="one peer of compare.py")
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("--model", required=True)
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--precision", default="f32", choices=["f32", "bf16", "f16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="of PyTorch: cpu, cuda")
    parser.add_argument("--tokens", type=int, default=20, help="of a caption")
    options = parser.parse_args()
    serve(ENGINES[options.engine](options))


if __name__ == "__main__":
    main()
